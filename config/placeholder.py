"""The word that stands for a secret in the examples. Everyone knows it, so no process starts with it."""

PLACEHOLDER = "replace-me"


def has_placeholder(secret: str) -> bool:
    return PLACEHOLDER in secret.lower()
