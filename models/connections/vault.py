"""Secrets at rest: tokens are hashed, other secrets encrypted with the newest key and decrypted with any key.

An encrypted value is bound to its purpose and its row: anywhere else it cannot be decrypted. The newest key also
hashes values that could otherwise be guessed.

The command ``keys rotate`` (:mod:`worker.cli.installation`) encrypts all secrets again with the newest key.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from pydantic import SecretStr


def hash_token(token: str) -> str:
    """Hash the token of a webhook URL or of a session. Only the hash is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


BOUND_PREFIX = "v2:"
"""The prefix of encrypted values; values without it are from before version 0026 and not bound to a place."""


class Vault:
    """Encryption with the first of several Fernet keys. Any of them decrypts; otherwise InvalidToken is raised.

    ``purpose`` identifies the kind of value, such as its table and column, and ``place`` the value, such as the id
    of its row. Neither is secret. Each pair of them has its own keys.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._unbound = MultiFernet([Fernet(key.get_secret_value()) for key in keys])
        self._keys = [urlsafe_b64decode(key.get_secret_value()) for key in keys]
        self._hash_key = hmac.digest(self._keys[0], b"keyed hash", "sha256")  # not the key that Fernet signs with

    def encrypt(self, text: str, purpose: str, *place: object) -> str:
        return BOUND_PREFIX + self._fernet(purpose, *place).encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str, purpose: str, *place: object) -> str:
        """Decrypt a value that was encrypted for the same purpose and place. Raises InvalidToken."""
        if not encrypted.startswith(BOUND_PREFIX):
            raise InvalidToken
        return self._fernet(purpose, *place).decrypt(encrypted.removeprefix(BOUND_PREFIX).encode()).decode()

    def renew(self, encrypted: str, purpose: str, *place: object) -> str:
        """Encrypt a value again with the newest key. Raises InvalidToken."""
        return self.encrypt(self.decrypt(encrypted, purpose, *place), purpose, *place)

    def bind(self, encrypted: str, purpose: str, *place: object) -> str:
        """Encrypt a value from before version 0026 for this place. Raises InvalidToken."""
        return self.encrypt(self._unbound.decrypt(encrypted.encode()).decode(), purpose, *place)

    def unbind(self, encrypted: str, purpose: str, *place: object) -> str:
        """Encrypt a value for versions before 0026. Raises InvalidToken."""
        return self._unbound.encrypt(self.decrypt(encrypted, purpose, *place).encode()).decode()

    def keyed_hash(self, *texts: str) -> str:
        """Hash texts with the newest key; without the key, guesses cannot be checked."""
        return hmac.digest(self._hash_key, json.dumps(texts).encode(), "sha256").hex()

    def encrypt_values(self, values: Mapping[str, str], purpose: str, *place: object) -> str:
        return self.encrypt(json.dumps(dict(values)), purpose, *place)

    def decrypt_values(self, encrypted: str, purpose: str, *place: object) -> dict[str, str]:
        values: dict[str, str] = json.loads(self.decrypt(encrypted, purpose, *place))
        return values

    def _fernet(self, purpose: str, *place: object) -> MultiFernet:
        info = json.dumps(["encryption", purpose, *map(str, place)]).encode()
        derived = (HKDFExpand(SHA256(), length=32, info=info).derive(key) for key in self._keys)
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derived])
