"""Normalization of text that 24SevenOffice would not accept; docs/architecture.md has the rules."""

import re
import unicodedata
from collections.abc import Iterator

from i18n.messages import Message, msg, with_code

NORWEGIAN = ("", "NO", "NOR", "NORGE", "NORWAY", "SJ")
"""Countries of a customer whose organization number must be Norwegian."""

MAX_ORGANIZATION_NUMBER_LENGTH = 20
"""Characters that 24SevenOffice accepts (S51)."""

_BETWEEN = r"[ .\-\u00a0\u2010-\u2015\u2212]?"
NATIONAL_ID = re.compile(
    r"(?<!\d)(?:[04]~[1-9]|[1256]~\d|[37]~[01])~(?:[048]~[1-9]|[159]~[0-2])(?:~\d){7}(?!\d)".replace(
        "~", _BETWEEN
    ),
    re.ASCII,
)
"""A Norwegian national identity number, or a D, H or test number: eleven digits, first day and month."""

NATIONAL_ID_LENGTH = 11

MAX_READ_LENGTH = 200
"""Characters in which an organization number is searched."""

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_ID_WEIGHTS = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_LABEL = "ORGANISASJONS|ORG|NUMMER|NR|NO|VAT|MVA|BRREG|(?:F[OØ]RETAKS|ENHETS|EININGS)REGISTERET"
_LABELS = f"(?:{_LABEL})*"
_WORDS_BESIDE = re.compile(_LABELS)
"""What people write before and after a Norwegian organization number, with nothing else in between."""

_BARE = re.compile(f"(?:{_LABEL}|CVR|YTUNNUS)*(.*?){_LABELS}")
_VAT_NUMBER = re.compile(r"SE([0-9]{10})(?:01)?|([0-9]{2}[2-9][0-9]{7})01|(?:DK|FI)([0-9]{8})")
"""A VAT number that contains the organization number (Sweden, Denmark, Finland)."""

_COUNTRY_CODE = re.compile(r"[A-Z]{2}")

_PEPPOL_SCHEME = re.compile(r"^\s*(?:[a-z0-9-]+::)?[0-9]{4}:", re.IGNORECASE)
"""The prefix of a Peppol address before the number, such as ``0192:``."""

_FOREIGN_PREFIX = re.compile(
    "(?:AT|AU|BE|BG|CH|CY|CZ|DE|DK|EE|EL|ES|EU|FI|FR|GB|GR|HR|HU|IE|IS|IT|LI|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)"
    "[0-9]"
)
"""The prefix of another country's VAT number."""

_MAX_FACTOR = 20
"""How much longer than its limit a text may be to be normalized as a whole."""


def clean(text: str, *, max_length: int) -> str:
    """Remove control characters and surrogates, fold white space (NFC), and cut at ``max_length`` UTF-16 units.

    .NET, Java and SQL Server count in these units. A surrogate pair is never split.
    """
    units = _cleaned(text[: _MAX_FACTOR * max_length]).encode("utf-16-le")[: 2 * max_length]
    return units.decode("utf-16-le", errors="ignore").rstrip()


def utf16_length(text: str) -> int:
    """Count the UTF-16 units of a text: a character beyond U+FFFF, such as an emoji, counts as two."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def cut_warning(what: str, text: str, *, max_length: int) -> Message | None:
    """Return a warning that a text, ``what``, is cut at ``max_length`` characters; None if it fits."""
    if utf16_length(_cleaned(text[: _MAX_FACTOR * max_length])) <= max_length:
        return None
    warning = msg(
        "{what} is longer than the {most} characters that 24SevenOffice takes, and is cut there.",
        what=what,
        most=max_length,
    )
    return with_code("text_cut", warning)


def several_addresses_warning(what: str, text: str) -> Message | None:
    """Return a warning about a field, ``what``, with several e-mail addresses: it is sent as it is, not cut."""
    if text.count("@") <= 1:
        return None
    warning = msg(
        "{what} holds several addresses. They are sent as one, which 24SevenOffice may refuse: enter one only in "
        "Moment.",
        what=what,
    )
    return with_code("several_addresses", warning)


def organization_number(text: str, *, country: str) -> str:
    """Normalize an organization number; empty if there is none or it may not be sent.

    A Norwegian number becomes its nine digits. Any other stays as it is written.
    """
    if not organization_key(text) or _is_identity_number(text, country=country):
        return ""
    norwegian = norwegian_number(text) if is_norwegian(country) else ""
    as_written = _cleaned(text)
    return norwegian or (as_written if utf16_length(as_written) <= MAX_ORGANIZATION_NUMBER_LENGTH else "")


def organization_number_warning(text: str, *, country: str) -> Message | None:
    """Return a warning about an organization number, without quoting an identity number."""
    shown, sent = clean(text, max_length=40), organization_number(text, country=country)
    if _is_identity_number(text, country=country):
        warning = msg(
            "Moment has an identity number in place of the organization number. It wasn't sent: remove it in "
            "Moment."
        )
        return with_code("identity_number", warning)
    if organization_key(text) and not sent:
        warning = msg("The organization number “{text}” is too long, and wasn't sent.", text=shown)
        return with_code("organization_number_too_long", warning)
    if sent and is_norwegian(country) and not norwegian_number(text):
        warning = msg(
            "“{text}” isn't a Norwegian organization number. It was sent all the same: correct it in Moment, or "
            "set the customer's country.",
            text=shown,
        )
        return with_code("organization_number_invalid", warning)
    return None


def is_norwegian(country: str) -> bool:
    return country.strip().upper() in NORWEGIAN


def country_code(text: str) -> str:
    """Return the two-letter code of a country, empty if unknown."""
    code = text.strip().upper()
    if code in ("NOR", "NORGE", "NORWAY"):
        return "NO"
    return code if _COUNTRY_CODE.fullmatch(code) else ""


def holds_identity_number(text: str) -> bool:
    """Return whether a text contains a Norwegian national identity number, in any spelling."""
    return any(map(_is_checked, _like_identity_numbers(text)))


def norwegian_number(text: str) -> str:
    """Return a Norwegian organization number, in any spelling; empty if it is none."""
    plain = _letters_and_digits(text)
    digits = "".join(filter(str.isdigit, plain))
    beside = "".join(c for c in plain if not c.isdigit())
    return digits if _is_norwegian(digits) and _WORDS_BESIDE.fullmatch(beside) else ""


def organization_key(text: str) -> str:
    """Return the key that organization numbers of any country are compared by; empty for none, as N/A or 0."""
    plain = _letters_and_digits(text)
    digits = "".join(filter(str.isdigit, plain))
    if not digits.strip("0") or holds_identity_number(text):
        return ""
    if _NINE_DIGITS.fullmatch(digits):
        return digits
    bare = _BARE.fullmatch(plain)
    plain = bare[1] if bare else plain
    vat_number = _VAT_NUMBER.fullmatch(plain)
    return next(filter(None, vat_number.groups())) if vat_number else plain


def _is_identity_number(text: str, *, country: str) -> bool:
    """Return whether it may be an identity number, even with a typo: organization numbers never have 11 digits."""
    if not is_norwegian(country) or _FOREIGN_PREFIX.match(_letters_and_digits(text)):
        return holds_identity_number(text)
    return sum(map(str.isdigit, text)) == NATIONAL_ID_LENGTH or any(_like_identity_numbers(text))


def _like_identity_numbers(text: str) -> Iterator[str]:
    written = unicodedata.normalize("NFKC", text)
    for each in (written, re.sub(r"(?<=\d)[\W_]+(?=\d)", "", written)):
        yield from (found[0] for found in NATIONAL_ID.finditer(each))


def _is_checked(number: str) -> bool:
    """Return whether the last two of eleven digits are the check digits of the others (modulus 11)."""
    digits = [int(each) for each in number if each.isdigit()]
    return not any(
        sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11 for weights in _ID_WEIGHTS
    )


def _cleaned(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())


def _letters_and_digits(text: str) -> str:
    written = _PEPPOL_SCHEME.sub("", unicodedata.normalize("NFKC", text[:MAX_READ_LENGTH]), count=1)
    return "".join(filter(str.isalnum, written)).upper()


def _is_norwegian(digits: str) -> bool:
    if not (_NINE_DIGITS.fullmatch(digits) and digits.strip("0")):
        return False
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return rest == int(digits[-1])
