"""Which VAT codes of a connection have been read back from the ledger, each by the first voucher that had it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Database
from models.schema.tables import VatCheckRow


class VatStatus(StrEnum):
    """What is known of a VAT code: its first voucher is about to be posted, or was read back, right or wrong."""

    PENDING = "pending"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class VatCheck:
    """What is known of a VAT code, and the Moment id of the invoice that its first voucher is of.

    ``checked_at`` (UTC) is when it was read back, or while it is pending, when it was about to be posted.
    """

    vat_code: str
    status: VatStatus
    record_id: str
    checked_at: datetime


def find(database: Database, connection_id: int, way: str) -> Sequence[VatCheck]:
    """Return what is known of the VAT codes of a connection where its VAT is sent in this way."""
    of = and_(VatCheckRow.connection_id == connection_id, VatCheckRow.way == way)
    columns = VatCheckRow.vat_code, VatCheckRow.status, VatCheckRow.record_id, VatCheckRow.checked_at
    return [
        VatCheck(vat_code=code, status=VatStatus(status), record_id=record_id, checked_at=at)
        for code, status, record_id, at in database.rows(select(*columns).where(of))
    ]


def begin(
    database: Database, connection_id: int, way: str, codes: Collection[str], *, record_id: str, now: datetime
) -> None:
    """Note that the first voucher with these VAT codes is about to be posted; what is known of one stays.

    Of an invoice that is posted once more, as the call before saved nothing, the time counts anew.
    """
    if codes:
        common = {"connection_id": connection_id, "way": way, "record_id": record_id, "checked_at": now}
        values = [{**common, "vat_code": code, "status": VatStatus.PENDING} for code in sorted(codes)]
        again = and_(VatCheckRow.record_id == record_id, VatCheckRow.status == VatStatus.PENDING)
        noted = (
            insert(VatCheckRow)
            .values(values)
            .on_conflict_do_update(
                index_elements=[VatCheckRow.connection_id, VatCheckRow.way, VatCheckRow.vat_code],
                set_={"checked_at": now},
                where=again,
            )
        )
        database.execute(noted)


def decide(
    database: Database, connection_id: int, way: str, record_id: str, status: VatStatus, *, now: datetime
) -> None:
    """Note how the voucher of an invoice was read back, for the VAT codes that it is the first of."""
    found = update(VatCheckRow).where(_first(connection_id, way, record_id))
    database.execute(found.values(status=status, checked_at=now))


def drop(
    database: Database, connection_id: int, way: str, record_id: str, *, keeping: Collection[str] = ()
) -> None:
    """Forget an invoice as the first of its VAT codes, but for some: the next one is."""
    found = delete(VatCheckRow).where(_first(connection_id, way, record_id), VatCheckRow.vat_code.not_in(keeping))
    database.execute(found)


def forget(session: Session, connection_id: int) -> None:
    """Forget all that is known of a connection's VAT codes, as it leads to another client."""
    session.execute(delete(VatCheckRow).where(VatCheckRow.connection_id == connection_id))


def _first(connection_id: int, way: str, record_id: str) -> ColumnElement[bool]:
    return and_(
        VatCheckRow.connection_id == connection_id,
        VatCheckRow.way == way,
        VatCheckRow.record_id == record_id,
        VatCheckRow.status != VatStatus.RIGHT,
    )
