"""Secrets at rest: tokens hashed, the rest encrypted with the newest key and readable with every one still given.

The newest key also hashes what nobody may guess from a name.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, MultiFernet
from pydantic import SecretStr


def hash_token(token: str) -> str:
    """Hash the token of a webhook's address or of a session, of which only that is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class Vault:
    """Encrypts with the first of several Fernet keys, decrypts what any of them did, else raises InvalidToken."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])
        newest = urlsafe_b64decode(keys[0].get_secret_value())
        self._hash_key = hmac.digest(newest, b"keyed hash", "sha256")  # apart from what Fernet signs with

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, locked: str) -> str:
        return self._fernet.decrypt(locked.encode()).decode()

    def keyed_hash(self, *texts: str) -> str:
        """Hash texts with the newest key: without it nobody can try out what they might be."""
        return hmac.digest(self._hash_key, json.dumps(texts).encode(), "sha256").hex()

    def encrypt_values(self, values: Mapping[str, str]) -> str:
        return self.encrypt(json.dumps(dict(values)))

    def decrypt_values(self, locked: str) -> dict[str, str]:
        values: dict[str, str] = json.loads(self.decrypt(locked))
        return values
