"""National identity numbers, which people sometimes enter in place of an organization number.

They must not be sent, cached or shown.
"""

import re
import unicodedata
from collections.abc import Iterator

_BETWEEN = r"[ .\-\u00a0\u2010-\u2015\u2212]?"
NATIONAL_ID = re.compile(
    r"(?<!\d)(?:[04]~[1-9]|[1256]~\d|[37]~[01])~(?:[048]~[1-9]|[159]~[0-2])(?:~\d){7}(?!\d)".replace(
        "~", _BETWEEN
    ),
    re.ASCII,
)
"""A Norwegian national identity number, or a D, H or test number: eleven digits, first day and month."""

NATIONAL_ID_LENGTH = 11

_WEIGHTS = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))


def holds_identity_number(text: str) -> bool:
    """Return whether a text contains a Norwegian national identity number, in any spelling."""
    return any(map(_has_check_digits, like_identity_numbers(text)))


def like_identity_numbers(text: str) -> Iterator[str]:
    """Yield what looks like an identity number, whatever its check digits."""
    written = unicodedata.normalize("NFKC", text)
    for each in (written, re.sub(r"(?<=\d)[\W_]+(?=\d)", "", written)):
        yield from (found[0] for found in NATIONAL_ID.finditer(each))


def _has_check_digits(number: str) -> bool:
    """Return whether the last two of eleven digits are the check digits of the others (modulus 11)."""
    digits = [int(each) for each in number if each.isdigit()]
    return not any(
        sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11 for weights in _WEIGHTS
    )
