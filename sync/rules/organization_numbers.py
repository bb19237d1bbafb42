"""Organization numbers; a Norwegian one has a check digit (modulus 11). docs/architecture.md has the rules."""

import re
import unicodedata

from i18n.messages import Message, msg, with_code
from sync.rules.identity_numbers import NATIONAL_ID_LENGTH, holds_identity_number, like_identity_numbers
from sync.rules.normalization import clean, utf16_length, without_control_characters

NORWEGIAN = ("", "NO", "NOR", "NORGE", "NORWAY", "SJ")
"""Countries of a customer whose organization number must be Norwegian."""

MAX_ORGANIZATION_NUMBER_LENGTH = 20
"""Characters that 24SevenOffice accepts (S51)."""

MAX_READ_LENGTH = 200
"""Characters of a text that are searched for an organization number."""

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_LABEL = "ORGANISASJONS|ORG|NUMMER|NR|NO|VAT|MVA|BRREG|(?:F[OØ]RETAKS|ENHETS|EININGS)REGISTERET"
_LABELS = f"(?:{_LABEL})*"
_WORDS_BESIDE = re.compile(_LABELS)
"""The words that people write before and after a Norwegian organization number."""

_BARE = re.compile(f"(?:{_LABEL}|CVR|YTUNNUS)*(.*?){_LABELS}")
_VAT_NUMBER = re.compile(r"SE([0-9]{10})(?:01)?|([0-9]{2}[2-9][0-9]{7})01|(?:DK|FI)([0-9]{8})")
"""A VAT number that contains the organization number (Sweden, Denmark, Finland)."""

_PEPPOL_SCHEME = re.compile(r"^\s*(?:[a-z0-9-]+::)?[0-9]{4}:", re.IGNORECASE)
"""The prefix of a Peppol address before the number, such as ``0192:``."""

_FOREIGN_PREFIX = re.compile(
    "(?:AT|AU|BE|BG|CH|CY|CZ|DE|DK|EE|EL|ES|EU|FI|FR|GB|GR|HR|HU|IE|IS|IT|LI|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)"
    "[0-9]"
)
"""The prefix of another country's VAT number."""


def organization_number(text: str, *, country: str) -> str:
    """Normalize a number: nine digits if Norwegian, otherwise as written; empty if it may not be sent."""
    if not organization_key(text) or _is_identity_number(text, country=country):
        return ""
    norwegian = norwegian_number(text) if is_norwegian(country) else ""
    as_written = without_control_characters(text)
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


def norwegian_number(text: str) -> str:
    """Return a Norwegian organization number, in any spelling; empty if it is none."""
    plain = _letters_and_digits(text)
    digits = "".join(filter(str.isdigit, plain))
    beside = "".join(c for c in plain if not c.isdigit())
    return digits if _passes_modulus_11(digits) and _WORDS_BESIDE.fullmatch(beside) else ""


def organization_key(text: str) -> str:
    """Return the key that organization numbers of any country are compared by; empty if there is none (N/A, 0)."""
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
    return sum(map(str.isdigit, text)) == NATIONAL_ID_LENGTH or any(like_identity_numbers(text))


def _letters_and_digits(text: str) -> str:
    written = _PEPPOL_SCHEME.sub("", unicodedata.normalize("NFKC", text[:MAX_READ_LENGTH]), count=1)
    return "".join(filter(str.isalnum, written)).upper()


def _passes_modulus_11(digits: str) -> bool:
    if not (_NINE_DIGITS.fullmatch(digits) and digits.strip("0")):
        return False
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return rest == int(digits[-1])
