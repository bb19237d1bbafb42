"""A connection's settings as command options, derived from the settings' fields so that none is missing."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from models.connections.repository import SECRET_FIELDS
from models.connections.settings import ConnectionSettings
from worker.cli import Command

PREFIX = "CONNECTION_"
"""A secret that is prompted for may also come from the environment, such as CONNECTION_PASSWORD."""


def setting_options(*, asking: bool) -> Callable[[Command], Command]:
    """Give a command an option for each setting; ``asking`` prompts for secrets whose option is omitted."""

    def decorate(command: Command) -> Command:
        for name, field in reversed(ConnectionSettings.model_fields.items()):
            command = _option(name, field, asking=asking)(command)
        return command

    return decorate


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings; an empty value resets a setting to its default."""
    fields = ConnectionSettings.model_fields
    return {name: _value(fields[name], value) for name, value in options.items() if value not in (None, ())}


def complaints(error: ValidationError) -> str:
    return "\n".join(f"{_flag(str(each['loc'][0]))}: {each['msg']}" for each in error.errors(include_input=False))


def _option(name: str, field: FieldInfo, *, asking: bool) -> Callable[[Command], Command]:
    more: dict[str, Any] = {"multiple": _is_repeated(field)}
    if name in SECRET_FIELDS and asking:
        more = {
            "prompt": field.description,
            "envvar": PREFIX + name.upper(),
            "show_envvar": True,
            "hide_input": True,
        }
    elif name in SECRET_FIELDS:
        more = {"prompt": True, "prompt_required": False, "hide_input": True}
    elif choices := _choices(field):
        more = {"type": click.Choice(choices)}
    else:
        more["metavar"] = _metavar(field)
    return click.option(_flag(name), name, help=_help(field, asking=asking), **more)


def _help(field: FieldInfo, *, asking: bool) -> str:
    notes = ["repeatable"] if _is_repeated(field) else []
    if field.is_required():
        notes += ["required"] if asking else []
    elif usual := field.get_default(call_default_factory=True):
        notes.append(f"default: {_default(usual)}")
    return f"{field.description}  [{'; '.join(notes)}]" if notes else str(field.description)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _metavar(field: FieldInfo) -> str | None:
    """Return the placeholder for the value in the help, None for click's own. It may leave out the empty value."""
    type_ = field.annotation
    if get_origin(type_) is dict:
        return "NUMBER=VALUE"
    if get_origin(type_) is frozenset:
        return f"[{'|'.join(get_args(type_)[0])}]"
    return "[yes|no]" if type_ is bool else None


def _flag(name: str) -> str:
    field = ConnectionSettings.model_fields[name]
    return "--" + (name.removesuffix("s") if _is_repeated(field) else name).replace("_", "-")


def _is_repeated(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (tuple, frozenset, dict)


def _choices(field: FieldInfo) -> Sequence[str]:
    type_ = field.annotation
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return [each.value for each in type_]  # click would use the names of the members
    return get_args(type_) if get_origin(type_) is Literal else ()


def _value(field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 (the settings validate it)
    if value in ("", ("",)) and not field.is_required():
        return field.get_default(call_default_factory=True)
    if get_origin(field.annotation) is dict:
        return dict(pair.partition("=")[::2] for pair in value)
    return value
