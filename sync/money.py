"""Amounts: kroner as Decimal in the two systems, and øre as int inside the integration."""

from decimal import ROUND_HALF_UP, Decimal

from i18n.messages import Amount, msg
from sync.error_codes.names import AMOUNT
from sync.errors import RejectedError

NOK = "NOK"

MAX_KRONER = Decimal(10) ** 12
"""More than any amount in a ledger; below it, a Decimal is exact to the øre."""


def to_ore(kroner: Decimal) -> int:
    """Return an amount in øre. Raises RejectedError for an amount that no ledger can hold, such as 1E30 or NaN."""
    if not (kroner.is_finite() and -MAX_KRONER < kroner < MAX_KRONER):
        raise RejectedError(
            msg("The amount {amount} is larger than any ledger can hold.", amount=str(kroner)[:40]),
            error_code=AMOUNT,
        )
    return int((kroner * 100).quantize(Decimal(1), ROUND_HALF_UP))


def format_kroner(ore: int) -> Amount:
    """Format øre as kroner, such as "1 250,00"; a sentence formats it in the reader's language."""
    return Amount(ore)


def format_rate(number: Decimal) -> str:
    """Format a rate without trailing zeros."""
    return f"{number.normalize():f}".replace(".", ",")
