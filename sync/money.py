"""Amounts: kroner in Decimal as the systems write them, øre in int as we count."""

from decimal import ROUND_HALF_UP, Decimal

NOK = "NOK"


def to_ore(kroner: Decimal) -> int:
    return int((kroner * 100).quantize(Decimal(1), ROUND_HALF_UP))


def format_kroner(ore: int) -> str:
    """Write øre as a person reads kroner, such as "1 250,00"."""
    return f"{Decimal(ore) / 100:,.2f}".replace(",", " ").replace(".", ",")


def format_rate(number: Decimal) -> str:
    """Write a rate as a person does: without zeros at its end."""
    return f"{number.normalize():f}".replace(".", ",")
