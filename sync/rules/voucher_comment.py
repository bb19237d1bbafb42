"""What a voucher's receivable says of its invoice, since 24SevenOffice takes no attachments."""

from collections.abc import Iterator

from i18n.messages import msg, translate
from models.connections.settings import ConnectionSettings
from sync.money import NOK, format_kroner, format_rate, to_ore
from sync.records import Invoice
from sync.rules.normalization import clean

MAX_COMMENT_LENGTH = 255
"""Nothing is known of what ``Entry.Comment`` holds (assumption S26)."""


def voucher_comment(invoice: Invoice, *, title: str, address: str, settings: ConnectionSettings) -> str:
    """Say in the connection's language which invoice this is, where it opens, and what the amounts do not tell.

    What matters least stands last, and is cut off where there is no room.
    """
    facts = [translate(fact, settings.language) for fact in _facts(invoice)]
    if settings.voucher_references:
        facts += [translate(reference, settings.language) for reference in _references(invoice)]
    return clean(
        " ".join(["Moment:", translate(title, settings.language), address, *facts]), max_length=MAX_COMMENT_LENGTH
    )


def _facts(invoice: Invoice) -> Iterator[str]:
    if invoice.credited:
        yield msg("Credits invoice {number}.", number=invoice.credited)
    if invoice.currency != NOK and invoice.rate:
        amount, rate = format_kroner(to_ore(invoice.total)), format_rate(invoice.rate)
        yield msg("{currency} {amount} at {rate}.", currency=invoice.currency, amount=amount, rate=rate)


def _references(invoice: Invoice) -> Iterator[str]:
    if invoice.your_reference:
        yield msg("Customer's reference: {reference}.", reference=invoice.your_reference)
    yield invoice.description
