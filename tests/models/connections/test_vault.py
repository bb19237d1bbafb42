import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from models.connections.vault import Vault

SECRET, PLACE = "demo-password", ("connections.secrets", 17)
OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))


def test_a_hash_depends_on_the_newest_key_and_on_how_the_texts_are_divided() -> None:
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


def test_an_encrypted_value_is_decrypted_by_any_of_the_keys() -> None:
    locked = Vault([OLD]).encrypt(SECRET, *PLACE)
    assert SECRET not in locked
    assert Vault([NEW, OLD]).decrypt(locked, *PLACE) == SECRET
    with pytest.raises(InvalidToken):
        Vault([NEW]).decrypt(locked, *PLACE)


@pytest.mark.parametrize(
    "place",
    [
        ("connections.secrets",),
        ("connections.secrets", 18),
        ("connections.secrets", 17, 1),
        ("connections.secrets", 1, 7),
        ("operations.secrets", 17),
        ("connections.secrets:17",),
    ],
)
def test_an_encrypted_value_is_decrypted_only_in_its_place(place: tuple[str, int]) -> None:
    vault = Vault([NEW])
    with pytest.raises(InvalidToken):
        vault.decrypt(vault.encrypt(SECRET, *PLACE), *place)


def test_an_unbound_value_is_refused_in_any_disguise() -> None:
    vault = Vault([NEW])
    older = Fernet(NEW.get_secret_value()).encrypt(SECRET.encode()).decode()
    for locked in (older, f"v2:{older}", ""):
        with pytest.raises(InvalidToken):
            vault.decrypt(locked, *PLACE)
    with pytest.raises(InvalidToken):
        vault.bind(vault.encrypt(SECRET, *PLACE).removeprefix("v2:"), "connections.secrets", 18)
    assert vault.decrypt(vault.bind(older, *PLACE), *PLACE) == SECRET
