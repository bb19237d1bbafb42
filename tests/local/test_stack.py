from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from local.processes import Process
from local.stack import NotRunningError, Plan, Stack, load_or_create_secrets, sandbox_settings, write_values
from models.connections.vault import Vault

ADDRESSES = dict.fromkeys(("web", "moment", "twentyfour", "smtp"), "http://127.0.0.1:1")


def test_secrets_are_generated_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    made = load_or_create_secrets(tmp_path / "secrets.env")
    assert load_or_create_secrets(tmp_path / "secrets.env") == made
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_secret_added_later_is_generated_beside_the_others(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    made = load_or_create_secrets(file)
    write_values(file, {name: value for name, value in made.items() if name != "FLOWER_BASIC_AUTH"})
    again = load_or_create_secrets(file)
    assert again["FLOWER_BASIC_AUTH"] != made["FLOWER_BASIC_AUTH"]
    assert again | {"FLOWER_BASIC_AUTH": ""} == made | {"FLOWER_BASIC_AUTH": ""}
    assert load_or_create_secrets(file) == again


def test_the_key_fits_the_vault(tmp_path: Path) -> None:
    vault = Vault([SecretStr(load_or_create_secrets(tmp_path / "secrets.env")["SECRET_KEYS"])])
    assert vault.decrypt(vault.encrypt("blåbær", "test"), "test") == "blåbær"


def test_only_existing_settings_are_passed() -> None:
    assert {name.lower() for name in sandbox_settings(ADDRESSES)} <= set(Settings.model_fields)


def test_a_process_that_dies_at_the_start_is_reported_with_its_last_line(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    stack = Stack(Plan(state=tmp_path, environ={}, temporary=True), log=lambda *line: lines.append(line))
    stack.parts["web"] = Process("web", ("no_such_module",), env={}, log=lambda *line: lines.append(line))
    stack.parts["web"].start()
    with pytest.raises(NotRunningError, match=r"^web ended while it started: .*No module named no_such_module$"):
        stack.wait_until_ready()
    assert lines
