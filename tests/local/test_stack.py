from pathlib import Path

from pydantic import SecretStr

from config.settings import Settings
from local.stack import kept_secrets, sandbox_settings, write_values
from models.connections.vault import Vault

ADDRESSES = dict.fromkeys(("web", "moment", "twentyfour", "smtp"), "http://127.0.0.1:1")


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    made = kept_secrets(tmp_path / "secrets.env")
    assert kept_secrets(tmp_path / "secrets.env") == made
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_came_later_is_made_beside_those_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    made = kept_secrets(file)
    write_values(file, {name: value for name, value in made.items() if name != "FLOWER_BASIC_AUTH"})
    again = kept_secrets(file)
    assert again["FLOWER_BASIC_AUTH"] != made["FLOWER_BASIC_AUTH"]
    assert again | {"FLOWER_BASIC_AUTH": ""} == made | {"FLOWER_BASIC_AUTH": ""}
    assert kept_secrets(file) == again


def test_the_key_fits_the_vault(tmp_path: Path) -> None:
    vault = Vault([SecretStr(kept_secrets(tmp_path / "secrets.env")["SECRET_KEYS"])])
    assert vault.decrypt(vault.encrypt("blåbær", "test"), "test") == "blåbær"


def test_only_settings_that_exist_are_given() -> None:
    assert {name.lower() for name in sandbox_settings(ADDRESSES)} <= set(Settings.model_fields)
