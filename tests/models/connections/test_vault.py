from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.connections.vault import Vault

OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))


def test_a_hash_is_that_of_the_newest_key_and_of_the_texts_as_they_are_divided() -> None:
    hashed = Vault([NEW, OLD]).keyed_hash("demo@example.com", "password")
    assert hashed == Vault([NEW]).keyed_hash("demo@example.com", "password")
    others = [
        Vault([OLD, NEW]).keyed_hash("demo@example.com", "password"),
        Vault([NEW]).keyed_hash("demo@example.compassword"),
        Vault([NEW]).keyed_hash("demo@example.com", "passwor", "d"),
        Vault([NEW]).keyed_hash("demo@example.com", "Password"),
    ]
    assert hashed not in others
    assert len(set(others)) == len(others)
