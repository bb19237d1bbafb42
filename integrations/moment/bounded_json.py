"""A JSON parser with limits, because a value takes up to a hundred times its bytes in memory."""

import json
from decimal import Decimal, InvalidOperation

MAX_VALUES = 500_000
"""Maximum values in a response; a page of a hundred invoices with a hundred lines each has fewer."""

MAX_DIGITS = 100
"""Maximum digits of a whole number, and decimals of other numbers; a longer one becomes text, so not an amount."""

MAX_DEPTH = 50
"""Maximum depth of lists and objects."""


class TooManyValuesError(ValueError):
    """There are more values than :data:`MAX_VALUES`."""


class TooDeepError(ValueError):
    """The values are nested deeper than :data:`MAX_DEPTH`."""


def parse(body: bytes) -> object:
    """Parse JSON with exact numbers; one beyond the limits becomes text. Raises ValueError beyond others."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:  # one of these precedes each value
        raise TooManyValuesError
    try:
        value = json.loads(body, parse_float=_decimal, parse_int=_whole, parse_constant=_refuse)
    except RecursionError as error:
        raise TooDeepError from error
    _check_depth(value)
    return value


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [
            each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)
        ]
        if not inner:
            return
        level = [value for values in inner for value in values]
    if any(isinstance(each, dict | list) for each in level):
        raise TooDeepError


def _decimal(text: str) -> Decimal | str:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return text
    return number if -MAX_DIGITS <= int(number.as_tuple().exponent) <= MAX_DIGITS else text


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= MAX_DIGITS else text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
