"""What a voucher's receivable says of its invoice, since 24SevenOffice takes no attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from language.said import say, tell
from sync.cleaning import clean
from sync.vouchers import KRONE, kroner, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.settings import ConnectionSettings
    from sync.records import Invoice

LONGEST = 255
"""Nothing is known of what ``Entry.Comment`` holds (assumption S26)."""


def comment_of(invoice: Invoice, *, title: str, address: str, settings: ConnectionSettings) -> str:
    """Say in the connection's language which invoice this is, where it opens, and what the amounts do not tell.

    What matters least stands last, and is cut off where there is no room.
    """
    facts = [tell(fact, settings.language) for fact in _facts(invoice)]
    if settings.voucher_references:
        facts += [tell(reference, settings.language) for reference in _references(invoice)]
    return clean(" ".join(["Moment:", tell(title, settings.language), address, *facts]), longest=LONGEST)


def _facts(invoice: Invoice) -> Iterator[str]:
    if invoice.credited:
        yield say("Credits invoice {number}.", number=invoice.credited)
    if invoice.currency != KRONE and invoice.rate:
        amount, rate = kroner(int(invoice.total * 100)), plain(invoice.rate)
        yield say("{currency} {amount} at {rate}.", currency=invoice.currency, amount=amount, rate=rate)


def _references(invoice: Invoice) -> Iterator[str]:
    if invoice.your_reference:
        yield say("Customer's reference: {reference}.", reference=invoice.your_reference)
    yield invoice.description
