"""The contents of docker-compose.yml, the Dockerfile and .env.example, for tests of what they describe."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

import yaml
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from local.processes import ROOT

SERVICES: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS: Mapping[str, Any] = {name: service for name, service in SERVICES.items() if "build" in service}
"""The services that run our images."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What the Dockerfile puts into an image: the installed lock file, and the folders."""

    lock: str
    folders: tuple[str, ...]


def images() -> Mapping[str, Image]:
    """Read the Dockerfile; return the image of each target."""
    _, *stages = re.split(r"^FROM ", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)
    found = {}
    for stage in stages:
        copied = re.findall(r"^COPY (\S+) \S+$", stage, re.MULTILINE)
        locks = [path for path in copied if path.endswith(".lock")]
        if locks:
            folders = tuple(path for path in copied if path not in locks)
            found[stage.splitlines()[0].split()[-1]] = Image(lock=locks[0], folders=folders)
    return found


def example_filled_in() -> dict[str, str]:
    """Read .env.example, filled in for the sandbox as its comments say."""
    settings, heading, trial = (ROOT / ".env.example").read_text().partition("# To try it with")
    settings = settings.replace("SECRET_KEYS=replace-me", f"SECRET_KEYS={Fernet.generate_key().decode()}")
    settings = re.sub("replace-me", lambda _: secrets.token_hex(16), settings)
    trial = re.sub(r"^# (?=\w+=)", "", trial, flags=re.MULTILINE)
    return {name: str(value) for name, value in dotenv_values(stream=StringIO(settings + heading + trial)).items()}


def environment(service: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service in compose with these values in .env."""
    own = SERVICES[service].get("environment", {})
    passed_on = {name: values[name] for name, text in own.items() if text is None and name in values}
    return passed_on | {name: interpolated(text, values) for name, text in own.items() if text is not None}


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """Replace ``${NAME}``, ``${NAME:?complaint}``, ``${NAME:-default}`` and ``${NAME:+if set}`` by their values."""

    def value(found: re.Match[str]) -> str:
        name, default, if_set = found.groups()
        if if_set is not None:
            return if_set if values.get(name) else ""
        return values.get(name) or default if default is not None else values[name]

    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\+([^}]*)|:\?[^}]*)?\}", value, text)
