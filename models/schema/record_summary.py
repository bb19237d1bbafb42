"""What a bookkeeper knows a record by, as it was read last; it stands on its job, whatever the outcome."""

from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSummary:
    """A record in short; what is empty or None is not known.

    ``record_number`` is the record's own, of a voucher that of the supplier's invoice, and ``record_name`` is the
    name of a customer or project. ``party`` is the customer of an invoice or project, or the supplier of a
    voucher, and ``party_number`` their number in 24SevenOffice. ``amount`` is the total including VAT in
    hundredths of ``currency``, of a credit note below zero. Days are those of the document.
    """

    record_number: str = ""
    record_name: str = ""
    party: str = ""
    party_number: str = ""
    amount: int | None = None
    currency: str = ""
    record_date: date | None = None
    due_date: date | None = None


class RecordSummaryColumns:
    """The columns of a :class:`RecordSummary`."""

    record_number: Mapped[str] = mapped_column(server_default="")
    record_name: Mapped[str] = mapped_column(server_default="")
    party: Mapped[str] = mapped_column(server_default="")
    party_number: Mapped[str] = mapped_column(server_default="")
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="")
    record_date: Mapped[date | None]
    due_date: Mapped[date | None]

    def summarize(self, summary: RecordSummary) -> None:
        """Keep what was read. A party whose name was not found this time keeps the one that it had."""
        party = self.party
        for field in fields(RecordSummary):
            setattr(self, field.name, getattr(summary, field.name))
        self.party = summary.party or party
