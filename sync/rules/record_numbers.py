"""The numbers of customers and projects: 24SevenOffice takes whole numbers above zero that fit into 32 bits."""

from i18n.messages import msg
from models.enums import EntityType
from sync.error_codes.names import CUSTOMER_NUMBER, PROJECT_NUMBER
from sync.errors import RejectedError

MAX_INT32 = 2**31 - 1


def whole_number(text: str, *, entity_type: EntityType) -> int:
    """Return the number of a customer or project, an int32 above zero. Raises RejectedError for another text."""
    if is_int32(text):
        return int(text)
    number = msg("The customer number") if entity_type is EntityType.CUSTOMER else msg("The project number")
    problem = (
        msg("{number} is “{text}”.", number=number, text=text[:40])
        if text
        else msg("{number} is missing.", number=number)
    )
    raise RejectedError(
        msg("{problem} 24SevenOffice only takes whole numbers from 1 to {most}.", problem=problem, most=MAX_INT32),
        error_code=CUSTOMER_NUMBER if entity_type is EntityType.CUSTOMER else PROJECT_NUMBER,
        remedy=msg("Correct the number in Moment; it must be a whole number."),
    )


def is_int32(text: str) -> bool:
    """Return whether a text is a whole number above zero that fits into 32 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_INT32)) and 0 < int(text) <= MAX_INT32
