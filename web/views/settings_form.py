"""A connection's settings as a form: texts as people enter them on one side, settings on the other.

Input stays text until it is valid. A secret is never shown; if its field is left empty, it stays as it is.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData

from i18n.messages import Message, msg
from models.connections.repository import SECRET_FIELDS
from models.connections.settings import MAX_ERROR_EMAILS, ConnectionSettings, contradictions
from sync.diagnostics.checks.accounting_setup import missing_accounts

Typed = dict[str, str]
"""The values of the fields, by name."""

Errors = dict[str, str]
"""The errors by field, each a sentence."""

MAX_SHOWN_LENGTH = 80
REQUIRED_MESSAGE, CHOICE_MESSAGE = msg("This field is required."), msg("Choose an option from the list.")
NUMBER_MESSAGE, DATE_MESSAGE = msg("Enter a whole number."), msg("Enter a date, e.g. 2026-01-31.")
MESSAGES = {
    "missing": REQUIRED_MESSAGE,
    "string_too_short": REQUIRED_MESSAGE,
    "too_long": msg("Enter at most {number} addresses.", number=MAX_ERROR_EMAILS),
    "too_short": REQUIRED_MESSAGE,  # a secret
    "int_parsing": NUMBER_MESSAGE,
    "int_parsing_size": NUMBER_MESSAGE,
    "date_parsing": DATE_MESSAGE,
    "date_from_datetime_parsing": DATE_MESSAGE,
    "date_from_datetime_inexact": DATE_MESSAGE,
    "literal_error": CHOICE_MESSAGE,
    "enum": CHOICE_MESSAGE,
    "string_pattern_mismatch": msg("Enter a client id like 3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67."),
}
"""What would be valid, by pydantic's error type."""


@dataclass(frozen=True, slots=True)
class FieldFormat:
    """How a setting is written to its field and read from it; reading raises ValueError with a sentence."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


def _split(text: str) -> Sequence[str]:
    return list(dict.fromkeys(filter(None, re.split(r"[\s,;]+", text))))


def _vat_codes(text: str) -> dict[str, str]:
    wrong = msg("“{part}” is not an account and a VAT code. Use the format 3000=3.", part="{part}")
    return _pairs(text, r"([0-9]{1,5})=(\w{1,10})", wrong)


def _account_mappings(text: str) -> dict[str, str]:
    wrong = msg(
        "“{part}” is not a Moment account id and a 24SevenOffice account. Use the format 501=3000/3.",
        part="{part}",
    )
    return _pairs(text, r"(?a:([A-Za-z0-9][\w-]{0,63})=([1-9][0-9]{0,4}(?:/\w{1,10})?))", wrong)


def _pairs(text: str, pattern: str, wrong: Message) -> dict[str, str]:
    """Read pairs that match a pattern. Raises ValueError with the sentence about the first that does not."""
    pairs = {}
    for part in _split(re.sub(r"\s*([=/])\s*", r"\1", text)):
        if (found := re.fullmatch(pattern, part)) is None:
            raise ValueError(Message(wrong.template, {"part": _shorten(part)}))
        pairs[found[1]] = found[2]
    return pairs


def _numbers(text: str) -> Sequence[int]:
    for part in _split(text):
        if not re.fullmatch(r"[0-9]{1,10}", part):
            raise ValueError(msg("“{part}” is not a project number.", part=_shorten(part)))
    return [int(part) for part in _split(text)]


def _joined_pairs(pairs: Mapping[object, object]) -> str:
    return "\n".join(sorted(f"{name}={value}" for name, value in pairs.items()))


PLAIN_TEXT = FieldFormat(str, str)
OPTIONAL = FieldFormat(lambda value: str(value or ""), lambda text: text or None)
YES_OR_NO = FieldFormat(lambda yes: "yes" if yes else "", bool)
FORMATS: Mapping[str, FieldFormat] = {
    "factoring_id": OPTIONAL,
    "invoice_from": OPTIONAL,
    "rounding_account": OPTIONAL,
    "vat_codes": FieldFormat(_joined_pairs, _vat_codes),
    "accounts": FieldFormat(_joined_pairs, _account_mappings),
    "check_vat": YES_OR_NO,
    "department": OPTIONAL,
    "voucher_references": YES_OR_NO,
    "expense_billable": YES_OR_NO,
    "expense_from": OPTIONAL,
    "entity_types": FieldFormat(lambda entity_types: ",".join(sorted(entity_types)), _split),
    "error_emails": FieldFormat("\n".join, _split),
    "weekly_digest": YES_OR_NO,
    "monthly_reconciliation": YES_OR_NO,
    "billable_projects": FieldFormat(str, _numbers),
    "not_billable_projects": FieldFormat(str, _numbers),
}
"""The settings whose fields do not simply hold their text."""

BILLABLE = {"billable_projects": True, "not_billable_projects": False}
"""The fields that together hold the special settings of single projects."""

SETTINGS = tuple(name for name in ConnectionSettings.model_fields if name != "expense_billable_projects")
FIELDS = (*SETTINGS, *BILLABLE)
TITLES = {name: field.title for name, field in ConnectionSettings.model_fields.items()}
REQUIRED = tuple(name for name, field in ConnectionSettings.model_fields.items() if field.is_required())


def as_form(settings: ConnectionSettings) -> Typed:
    written = {
        name: _format(name).write(getattr(settings, name)) for name in SETTINGS if name not in SECRET_FIELDS
    }
    special = settings.expense_billable_projects.items()
    numbers = {name: ", ".join(str(key) for key, yes in special if yes is what) for name, what in BILLABLE.items()}
    return dict.fromkeys(SECRET_FIELDS, "") | written | numbers


def without_secrets(typed: Mapping[str, str]) -> Typed:
    return {name: "" if name in SECRET_FIELDS else value for name, value in typed.items()}


def typed(form: FormData) -> Typed:
    """Return the input; ticked checkboxes with the same name are joined."""
    return {name: ",".join(map(str, form.getlist(name))).strip() for name in FIELDS}


def read(
    typed: Mapping[str, str], *, known: Mapping[str, Any], names: Collection[str] = FIELDS
) -> tuple[dict[str, Any], Errors]:
    """Return the settings that were entered in the fields of the form with these ``names``, and their errors.

    Settings without a field in the form, and secrets left empty, stay as ``known``.
    """
    errors: Errors = {}
    entered = {}
    for name in names:
        if typed[name] or name not in SECRET_FIELDS:
            try:
                entered[name] = _format(name).read(typed[name])
            except ValueError as error:
                errors[name] = error.args[0]
    _merge_billable(entered, errors)
    try:
        settings = ConnectionSettings.model_validate({**known, **entered})
    except ValidationError as error:
        return entered, {_field(each): message_of(each) for each in error.errors()} | errors
    return entered, {**contradictions(settings), **errors}


def read_single(name: str, typed: str) -> tuple[Any, Errors]:
    """Return the value of a setting that is entered for several connections, and its errors."""
    any_connection = dict.fromkeys(REQUIRED, "0")
    entered, errors = read({name: typed}, known=any_connection, names=(name,))
    if error := errors.get(name):
        return None, {name: error}
    return getattr(ConnectionSettings.model_validate({**any_connection, **entered}), name), {}


def unknown_accounts(before: ConnectionSettings, entered: ConnectionSettings, chart: Collection[int]) -> Errors:
    """Return the newly entered accounts that are not in the chart of accounts, if it is known."""
    accounts = {
        "receivables_account": str(entered.receivables_account),
        "rounding_account": str(entered.rounding_account or ""),
        "expense_accounts": entered.expense_accounts,
        "vat_codes": ", ".join(map(str, entered.vat_codes)),
        "accounts": ", ".join(each.partition("/")[0] for each in entered.accounts.values()),
    }
    errors: Errors = {}
    for name, listed in accounts.items():
        changed = getattr(before, name) != getattr(entered, name)
        if chart and changed and (missing := missing_accounts(listed, chart)):
            errors[name] = msg(
                "These accounts don't exist in 24SevenOffice: {accounts}. If you've just created them, run Test "
                "connection, then save again.",
                accounts=missing,
            )
    return errors


def _format(name: str) -> FieldFormat:
    return FORMATS.get(name, PLAIN_TEXT)


def _merge_billable(entered: dict[str, Any], errors: Errors) -> None:
    special: dict[int, bool] = {}
    for name in BILLABLE.keys() & entered.keys():
        entered["expense_billable_projects"] = special
        for number in entered.pop(name):
            if special.setdefault(number, BILLABLE[name]) is not BILLABLE[name]:
                errors["not_billable_projects"] = msg("Project {number} is in both fields.", number=number)


def _field(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    return "billable_projects" if name == "expense_billable_projects" else name


def message_of(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return msg("Enter {least} or more.", least=context["ge"])
        case "less_than_equal":
            return msg("Enter {most} or less.", most=context["le"])
        case "value_error" if isinstance(context.get("error"), ValueError):
            complaint: str = context["error"].args[0]
            return complaint
        case "value_error":
            return msg("“{address}” is not an email address.", address=_shorten(str(error["input"])))
    return MESSAGES.get(error["type"], msg("Invalid value."))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
