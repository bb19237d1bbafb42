"""What is made of text that 24SevenOffice would not take; the rules stand in docs/architecture.md."""

import re
import unicodedata

from i18n.messages import msg
from sync.errors import RejectedError

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_DECORATION = re.compile(r"^NO|MVA$|[\s.\-]", re.IGNORECASE)


def clean(text: str, *, max_length: int) -> str:
    """Take out control characters and surrogates, fold white space, and cut at ``max_length`` characters (NFC)."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())[:max_length].rstrip()


def organization_number(text: str, *, country: str) -> str:
    """Bring an organization number to its plain form.

    Raises RejectedError for one that claims to be Norwegian and is not (modulus 11).
    """
    if country.upper() not in ("", "NO"):
        return clean(text, max_length=20)
    plain = _DECORATION.sub("", text.strip())
    if plain and not _is_norwegian(plain):
        raise RejectedError(
            msg("“{text}” is not a Norwegian organization number.", text=clean(text, max_length=40)),
            error_code="organization_number",
            remedy=msg(
                "Correct the organization number of the customer in Moment (nine digits), or set its country."
            ),
        )
    return plain


def without_decoration(number: str) -> str:
    """Take spaces, dots, dashes, NO and MVA off an organization number, to compare it with others."""
    return _DECORATION.sub("", number.strip()).upper()


def _is_norwegian(digits: str) -> bool:
    if not (digits.isascii() and digits.isdecimal() and len(digits) == len(_WEIGHTS) + 1):
        return False
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return rest == int(digits[-1])
