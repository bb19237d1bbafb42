"""The VAT codes of a connection that were read back from the ledger, each by its first voucher."""

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
    """The status of a VAT code: its first voucher is about to be posted, or was read back as right or wrong."""

    PENDING = "pending"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class VatCheck:
    """The status of a VAT code, and the Moment id of the invoice of its first voucher.

    ``checked_at`` (UTC) is when the voucher was read back or, while pending, when the posting began.
    """

    vat_code: str
    status: VatStatus
    record_id: str
    checked_at: datetime


def find(database: Database, connection_id: int, voucher_vat: str) -> Sequence[VatCheck]:
    of = and_(VatCheckRow.connection_id == connection_id, VatCheckRow.way == voucher_vat)
    columns = VatCheckRow.vat_code, VatCheckRow.status, VatCheckRow.record_id, VatCheckRow.checked_at
    return [
        VatCheck(vat_code=code, status=VatStatus(status), record_id=record_id, checked_at=at)
        for code, status, record_id, at in database.rows(select(*columns).where(of))
    ]


def begin(
    database: Database,
    connection_id: int,
    voucher_vat: str,
    codes: Collection[str],
    *,
    record_id: str,
    now: datetime,
) -> None:
    """Save that the first voucher with these VAT codes is about to be posted; the status of known codes stays.

    If the invoice is posted again because the previous call saved nothing, the time starts again.
    """
    if codes:
        common = {"connection_id": connection_id, "way": voucher_vat, "record_id": record_id, "checked_at": now}
        values = [{**common, "vat_code": code, "status": VatStatus.PENDING} for code in sorted(codes)]
        is_repeated = and_(VatCheckRow.record_id == record_id, VatCheckRow.status == VatStatus.PENDING)
        insertion = (
            insert(VatCheckRow)
            .values(values)
            .on_conflict_do_update(
                index_elements=[VatCheckRow.connection_id, VatCheckRow.way, VatCheckRow.vat_code],
                set_={"checked_at": now},
                where=is_repeated,
            )
        )
        database.execute(insertion)


def decide(
    database: Database, connection_id: int, voucher_vat: str, record_id: str, status: VatStatus, *, now: datetime
) -> None:
    """Save the status of the VAT codes for which this invoice's voucher was the first, after it was read back."""
    update_ = update(VatCheckRow).where(_is_first(connection_id, voucher_vat, record_id))
    database.execute(update_.values(status=status, checked_at=now))


def delete_unconfirmed(
    database: Database, connection_id: int, voucher_vat: str, record_id: str, *, keeping: Collection[str] = ()
) -> None:
    """Delete the status of an invoice's VAT codes, unless it is right; the next invoice is their first.

    The VAT codes in ``keeping`` stay.
    """
    others = VatCheckRow.vat_code.not_in(keeping)
    database.execute(delete(VatCheckRow).where(_is_first(connection_id, voucher_vat, record_id), others))


def delete_all(session: Session, connection_id: int) -> None:
    session.execute(delete(VatCheckRow).where(VatCheckRow.connection_id == connection_id))


def _is_first(connection_id: int, voucher_vat: str, record_id: str) -> ColumnElement[bool]:
    return and_(
        VatCheckRow.connection_id == connection_id,
        VatCheckRow.way == voucher_vat,
        VatCheckRow.record_id == record_id,
        VatCheckRow.status != VatStatus.RIGHT,
    )
