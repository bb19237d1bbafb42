"""The token in a webhook's address, of which only the hash is kept."""

import hashlib


def hash_token(token: str) -> str:
    """Hash a token as it is kept."""
    return hashlib.sha256(token.encode()).hexdigest()
