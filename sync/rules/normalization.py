"""What is made of text that 24SevenOffice would not take; the rules stand in docs/architecture.md."""

import re
import unicodedata

from i18n.messages import Message, msg
from sync.errors import RejectedError

NORWEGIAN = ("", "NO")
"""Countries of a customer whose organization number has to be a Norwegian one."""

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_WORDS_BESIDE = re.compile(r"(NO|MVA|ORG|ORGANISASJONS|NR|NUMMER|FORETAKSREGISTERET)*")
"""What people write before and after a Norwegian organization number, with nothing else in between."""


def clean(text: str, *, max_length: int) -> str:
    """Take out control characters and surrogates, fold white space, and cut at ``max_length`` characters (NFC)."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())[:max_length].rstrip()


def cut_warning(what: str, text: str, *, max_length: int) -> Message | None:
    """Warn that a text, ``what``, is cut at ``max_length`` characters for 24SevenOffice; None where it fits."""
    if len(clean(text, max_length=max_length + 1)) <= max_length:
        return None
    return msg(
        "{what} is longer than the {most} characters that 24SevenOffice takes, and is cut there.",
        what=what,
        most=max_length,
    )


def organization_number(text: str, *, country: str) -> str:
    """Bring an organization number to its plain form.

    Raises RejectedError for one that claims to be Norwegian and is not (modulus 11).
    """
    if country.upper() not in NORWEGIAN:
        return clean(text, max_length=20) if organization_key(text) else ""
    plain = norwegian_number(text)
    if _letters_and_digits(text) and not plain:
        raise RejectedError(
            msg("“{text}” is not a Norwegian organization number.", text=clean(text, max_length=40)),
            error_code="organization_number",
            remedy=msg(
                "Correct the organization number of the customer in Moment (nine digits), or set its country."
            ),
        )
    return plain


def norwegian_number(text: str) -> str:
    """Read a Norwegian organization number, however it is written; empty where it is none."""
    plain = _letters_and_digits(text)
    digits = "".join(filter(str.isdigit, plain))
    beside = "".join(c for c in plain if not c.isdigit())
    return digits if _is_norwegian(digits) and _WORDS_BESIDE.fullmatch(beside) else ""


def organization_key(text: str) -> str:
    """Return what an organization number of any country is compared by; empty where it is none, as N/A or 0."""
    plain = _letters_and_digits(text)
    digits = "".join(filter(str.isdigit, plain))
    if not digits.strip("0"):
        return ""
    return digits if _NINE_DIGITS.fullmatch(digits) else plain.removeprefix("NO").removesuffix("MVA")


def _letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).upper()


def _is_norwegian(digits: str) -> bool:
    if not (_NINE_DIGITS.fullmatch(digits) and digits.strip("0")):
        return False
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return rest == int(digits[-1])
