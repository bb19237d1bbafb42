"""Normalization of text that 24SevenOffice would not accept; docs/architecture.md has the rules."""

import re
import unicodedata

from i18n.messages import Message, msg, with_code

MAX_CUSTOMER_NAME_LENGTH = MAX_CITY_LENGTH = 100
MAX_PROJECT_NAME_LENGTH = 200
MAX_STREET_LENGTH = 250
MAX_POSTAL_CODE_LENGTH = 16
"""Lengths in characters that 24SevenOffice accepts (S50). Longer texts are cut before they are used."""

_COUNTRY_CODE = re.compile(r"[A-Z]{2}")

_MAX_FACTOR = 20
"""How much longer than its limit a text may be to be normalized as a whole."""


def clean(text: str, *, max_length: int) -> str:
    """Remove control characters and surrogates, fold white space (NFC), and cut at ``max_length`` UTF-16 units.

    .NET, Java and SQL Server count in these units. A surrogate pair is never split.
    """
    units = without_control_characters(text[: _MAX_FACTOR * max_length]).encode("utf-16-le")[: 2 * max_length]
    return units.decode("utf-16-le", errors="ignore").rstrip()


def utf16_length(text: str) -> int:
    """Count the UTF-16 units of a text: a character beyond U+FFFF, such as an emoji, counts as two."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def cut_warning(what: str, text: str, *, max_length: int) -> Message | None:
    """Return a warning that a text, ``what``, is cut at ``max_length`` characters; None if it fits."""
    if utf16_length(without_control_characters(text[: _MAX_FACTOR * max_length])) <= max_length:
        return None
    warning = msg(
        "{what} is longer than the {most} characters that 24SevenOffice takes, and is cut there.",
        what=what,
        most=max_length,
    )
    return with_code("text_cut", warning)


def several_addresses_warning(what: str, text: str) -> Message | None:
    """Return a warning about a field, ``what``, with several email addresses: it is sent as it is, not cut."""
    if text.count("@") <= 1:
        return None
    warning = msg(
        "{what} holds several addresses. They are sent as one, which 24SevenOffice may refuse: enter one only in "
        "Moment.",
        what=what,
    )
    return with_code("several_addresses", warning)


def country_code(text: str) -> str:
    """Return the two-letter code of a country, empty if unknown."""
    code = text.strip().upper()
    if code in ("NOR", "NORGE", "NORWAY"):
        return "NO"
    return code if _COUNTRY_CODE.fullmatch(code) else ""


def without_control_characters(text: str) -> str:
    """Remove control characters and surrogates, and fold white space (NFC)."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())
