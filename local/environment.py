"""The environment of the processes: every value is the environment's own, or made here for this machine."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import ValidationError

from config.settings import Settings

ACTOR = "make run"
"""The name in the audit log for what is done on this machine without a person."""

SECRETS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEYS": lambda: Fernet.generate_key().decode(),
    "FLOWER_BASIC_AUTH": lambda: f"admin:{secrets.token_hex(12)}",
}
"""How each secret that the processes need is made where there is none."""


def kept_secrets(file: Path, makers: Mapping[str, Callable[[], str]] = SECRETS) -> dict[str, str]:
    """Secrets of this machine, each made the first time and kept in a file for its owner only."""
    known = read_values(file) if file.exists() else {}
    if missing := {name: make() for name, make in makers.items() if name not in known}:
        known |= missing
        write_values(file, known)
    return {name: known[name] for name in makers}


def write_values(file: Path, values: Mapping[str, str]) -> None:
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def read_values(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def wrong_settings(environ: Mapping[str, str]) -> list[str]:
    """The settings that no process starts with, a line for each and without its value."""
    made_here = dict.fromkeys(("database_url", "redis_url", "secret_keys"), "made here")
    given = {name.lower(): value for name, value in environ.items() if name.lower() in Settings.model_fields}
    try:
        Settings.model_validate(made_here | given)
    except ValidationError as error:
        return [f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors(include_input=False)]
    return []


def sandbox_settings(addresses: Mapping[str, str]) -> dict[str, str]:
    return {
        "PUBLIC_URL": addresses["web"],
        "MOMENT_URL": f"{addresses['moment']}/api/1.0",
        "MOMENT_RECORD_URL": addresses["moment"] + "/?company={company}#{kind}-{id}",
        "TWENTYFOUR_RECORD_URL": addresses["twentyfour"] + "/#{kind}{year}-{number}",
        "TWENTYFOUR_API_URL": addresses["twentyfour"],
        "TWENTYFOUR_WEB_URL": addresses["twentyfour"],
        "SMTP_URL": addresses["smtp"],
    }
