"""The summary by which a bookkeeper recognizes a record, from its last read. It is stored with the job."""

from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSummary:
    """The summary of a record; a value that is empty or None is unknown.

    ``record_number`` is the record's own number (for a voucher, the supplier's invoice number), ``record_name``
    the name of a customer or project. ``party`` is the customer of an invoice or project, or the supplier of a
    voucher, and ``party_number`` their number in 24SevenOffice. ``amount`` is the total including VAT in
    hundredths of ``currency``, negative for a credit note. Days are those of the document. ``project_id`` is
    Moment's id of an invoice's project.
    """

    record_number: str = ""
    record_name: str = ""
    party: str = ""
    party_number: str = ""
    amount: int | None = None
    currency: str = ""
    record_date: date | None = None
    due_date: date | None = None
    project_id: str = ""


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
    project_id: Mapped[str] = mapped_column(server_default="")

    def summarize(self, summary: RecordSummary) -> None:
        """Save a summary. If it has no name of the party, the previous name is kept."""
        party = self.party
        for field in fields(RecordSummary):
            setattr(self, field.name, getattr(summary, field.name))
        self.party = summary.party or party
