"""A TOML file of connections: a table for each, with references to secrets, never the secrets themselves."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from models.connections.repository import MAX_NAME_LENGTH, SECRET_FIELDS, Connection
from models.connections.settings import ConnectionSettings
from sync.rules.normalization import clean

TABLE = "connections"
STARTED = "started"
SECRET_HINT = "refer to it as env:NAME or file:PATH; the file must not contain it"  # noqa: S105 - a message
FIELDS = ConnectionSettings.model_fields


class WrongFileError(ValueError):
    """The file is not valid TOML; the message names the line."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The file's entry for a connection, with its secrets resolved. ``started`` is None if not given."""

    name: str
    values: Mapping[str, Any]
    started: bool | None


class ConnectionFile:
    """A parsed file, with secrets from ``environ`` or other files. ``errors`` has what is wrong in it.

    Raises WrongFileError and OSError.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path, self._environ = path, environ
        self.errors: list[str] = []
        self._wrong_keys: set[tuple[str, str]] = set()
        try:
            text = path.read_bytes().decode()
            content = tomllib.loads(text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise WrongFileError(f"{path}: {error}") from error
        self._lines = dict(_lines(text))
        self.errors += [f"{path}: {key}: only {TABLE} may be here" for key in content if key != TABLE]
        tables = content.get(TABLE, {})
        if not isinstance(tables, dict):
            self.errors.append(f"{path}: {TABLE}: a table for each connection is expected")
            tables = {}
        self.entries = [self._entry(name, table) for name, table in tables.items()]

    def add_error(self, name: str, key: str, message: str) -> None:
        """Add an error with its line; ``key`` is empty if it is about the whole connection."""
        line = self._lines.get((name, key)) or self._lines.get((name, ""))
        place = f"{self._path}:{line}" if line else str(self._path)
        self._wrong_keys.add((name, key))
        self.errors.append(f"{place}: {'.'.join(filter(None, (TABLE, _toml(name), key)))}: {message}")

    def has_error(self, name: str, key: str) -> bool:
        return (name, key) in self._wrong_keys

    def _entry(self, name: str, table: object) -> Entry:
        if not isinstance(table, dict):
            self.add_error(name, "", "a table of settings is expected")
            table = {}
        if clean(name, max_length=MAX_NAME_LENGTH) != name or not name:
            self.add_error(name, "", f"a name has 1 to {MAX_NAME_LENGTH} characters and no spaces at its ends")
        started = table.get(STARTED)
        if started not in (None, True, False):
            self.add_error(name, STARTED, "true or false is expected")
            started = None
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in SECRET_FIELDS:
                values |= self._secret(name, key, value)
            elif key in FIELDS:
                values |= _value(key, value)
            elif key != STARTED:
                self.add_error(name, key, "there is no such setting")
        return Entry(name=name, values=values, started=started)

    def _secret(self, name: str, key: str, value: object) -> Mapping[str, str]:
        source, _, location = value.partition(":") if isinstance(value, str) else ("", "", "")
        secret = None
        if source == "env":
            secret = self._environ.get(location)
        elif source == "file":
            with suppress(OSError, UnicodeDecodeError):
                secret = (self._path.parent / location).read_text().strip()
        else:
            self.add_error(name, key, SECRET_HINT)
            return {}
        if not secret:
            self.add_error(name, key, f"{value} is missing or empty")
            return {}
        return {key: secret}


def to_toml(connections: Iterable[Connection]) -> str:
    """Return a file that describes connections, without their secrets."""
    return "\n".join("\n".join(_table(each)) for each in connections)


def _table(connection: Connection) -> Iterator[str]:
    yield f"[{TABLE}.{_toml(connection.name)}]"
    yield f"{STARTED} = {_toml(not connection.paused_by)}"
    for key, value in connection.settings.model_dump(exclude=set(SECRET_FIELDS)).items():
        yield f"{key} = {_toml(value)}"
    for key in sorted(SECRET_FIELDS):
        yield f'# {key} = "env:NAME" or "file:PATH"; if omitted, it stays as it is'
    yield ""


def _toml(value: Any) -> str:  # noqa: ANN401 (any setting's value)
    match value:
        case bool():
            return str(value).lower()
        case int() | date():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_toml(str(key))} = {_toml(each)}" for key, each in value.items()) + "}"
        case tuple() | list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case frozenset():
            return _toml(sorted(value))
    return json.dumps(value or "", ensure_ascii=False)


def _value(key: str, value: object) -> Mapping[str, Any]:
    """Return a setting; an empty value is the default, but an empty identity keeps the one that was found."""
    field = FIELDS[key]
    if value == "" and not field.is_required():
        return {} if key == "identity_id" else {key: field.get_default(call_default_factory=True)}
    return {key: value}


def _lines(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield the line number of each connection's table and of each setting in it."""
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            name = _header(line)
            yield (name, ""), number
        elif found := re.match(r"""\s*["']?(\w+)["']?\s*=""", line):
            yield (name, found[1]), number


def _header(line: str) -> str:
    with suppress(tomllib.TOMLDecodeError):
        match tomllib.loads(line):
            case {"connections": dict(tables)}:
                return next(iter(tables), "")
    return ""
