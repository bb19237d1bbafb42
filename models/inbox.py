"""The inbox: where changes wait, who has them in hand, and how they left.

A lane is claimed as a whole, so that a record is in one worker's hands at a time. A claim that runs out
without a word belongs to a worker that vanished: what it had in hand is uncertain from then on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from models import breaker, lingering, links, receiving, tallies
from models.alerts import queue
from models.finding import words_of
from models.locking import locked
from models.tables import AttemptRow, ChangeRow, LaneRow
from models.words import WELL, Kind, Lane, Outcome, Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from models.alerts import Alert
    from models.base import Database

CRASHED = "crashed"
"""The reason of a change whose last attempt ended in an error that nobody had foreseen."""


class ClaimLost(Exception):
    """The lane is in another worker's hands by now: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change in a worker's hands, with what earlier attempts left behind.

    ``waits_for`` is the record that it has been waiting for, unless that has got a link.
    """

    id: int
    record: Record
    tries: int = 0
    lost: int = 0
    uncertain: bool = False
    alerted: bool = False
    title: str = ""
    received_at: datetime | None = None
    waits_for: Record | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch of a lane's changes, oldest first, in one worker's hands until ``until`` (UTC) unless renewed."""

    id: UUID
    lane: Lane
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one change leaves a worker's hands. ``outcome`` is None for one that was given back untouched.

    ``exchanges`` are dataclasses that tell what was said to the remote systems in ``seconds``, and ``mentioned``
    the names of others that the record is found by.
    """

    change_id: int
    state: State
    due_at: datetime
    tries: int = 0
    uncertain: bool = False
    alerted: bool = False
    outcome: Outcome | None = None
    title: str = ""
    reason: str = ""
    message: str = ""
    remedy: str = ""
    waits_for: Record | None = None
    seconds: float = 0
    exchanges: tuple[Any, ...] = ()
    mentioned: tuple[str, ...] = ()
    alert: Alert | None = None

    @property
    def went_well(self) -> bool:
        """Whether the attempt found or left the record in step."""
        return self.outcome in WELL


def receive(
    database: Database, connection_id: int, records: Iterable[Record], *, now: datetime, doubtful: bool = False
) -> None:
    """Note that these records need a look: a row for each, merged into the one that is there.

    ``doubtful`` says that the other system may have them already, so that the flow looks there first.
    A change in hand is looked at again afterwards, one that waits after a failure keeps its time (so that a
    storm of notifications does not undo the growing waits), and one that a person closed stays closed.
    """
    receiving.put(database, connection_id, records, now=now, needed=False, doubtful=doubtful)


def need(database: Database, connection_id: int, records: Iterable[Record], *, now: datetime) -> None:
    """Note that another record waits for these: like :func:`receive`, but what needs a person is left alone."""
    receiving.put(database, connection_id, records, now=now, needed=True)


def claim(database: Database, lane: Lane, *, most: int, now: datetime, until: datetime) -> Claim | None:
    """Take a lane and up to ``most`` of its due changes; None where nothing is due or another worker has it."""
    with database.transaction() as session:
        allowed = breaker.allowed(session, lane.connection_id, most=most, now=now, until=until)
        if not allowed or not _take(session, lane, now=now):
            return None
        taken = _due(session, lane, most=allowed, now=now)
        if not taken:
            return None
        token = uuid4()
        session.execute(update(LaneRow).where(_is(LaneRow, lane)).values(claim=token, claimed_until=until))
        session.execute(
            update(ChangeRow)
            .where(ChangeRow.id.in_([row.id for row in taken]))
            .values(state=State.WORKING, claim=token, taken=ChangeRow.revision)
        )
    return Claim(token, lane, tuple(_change(row) for row in taken))


def renew(database: Database, claim: Claim, *, until: datetime) -> None:
    """Keep the claim; called before each remote write. Raises :class:`ClaimLost`."""
    held = and_(_is(LaneRow, claim.lane), LaneRow.claim == claim.id)
    kept = update(LaneRow).where(held).values(claimed_until=until).returning(LaneRow.kind)
    with database.statement() as connection:
        if connection.scalar(kept) is None:
            raise ClaimLost(f"Another worker has taken over {claim.lane}.")


def settle(database: Database, claim: Claim, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Write down how the claim's changes left, with their attempts and alerts, and give the lane back.

    A change that was received again meanwhile waits anew. Raises :class:`ClaimLost`, and then nothing is written.
    """
    synced = any(settlement.outcome is Outcome.SYNCED for settlement in settlements)
    linked = links.several(database, claim.lane, [change.record.id for change in claim.changes])
    numbers = {moment_id: link.remote_id for moment_id, link in linked.items()}
    with database.transaction() as session:
        held = and_(_is(LaneRow, claim.lane), LaneRow.claim == claim.id)
        lane = update(LaneRow).where(held).values(claim=None, claimed_until=None)
        lane = lane.values(synced_at=now) if synced else lane
        if session.scalar(lane.returning(LaneRow.kind)) is None:
            raise ClaimLost(f"Another worker has taken over {claim.lane}.")
        ids = [settlement.change_id for settlement in settlements]
        in_hand = select(ChangeRow).where(ChangeRow.id.in_(ids), ChangeRow.claim == claim.id)
        rows = {row.id: row for row in session.scalars(locked(in_hand))}
        settled = [
            _settle_one(session, row, each, numbers, now=now)
            for each in settlements
            if (row := rows.get(each.change_id))
        ]
        ended = [
            (Outcome(row.outcome), now - row.received_at)
            for row in settled
            if row and row.outcome and not _still_waits(row)
        ]
        tallies.add(session, claim.lane.connection_id, ended, now=now)


def _take(session: Session, lane: Lane, *, now: datetime) -> bool:
    """Lock the lane's row for this transaction; False where a worker has the lane or is just taking it."""
    free = or_(LaneRow.claim.is_(None), LaneRow.claimed_until <= now)
    query = select(LaneRow.claim).where(_is(LaneRow, lane), free)
    found = session.execute(query.with_for_update(skip_locked=True, key_share=True)).one_or_none()
    if found:
        if found.claim:  # one that ran out; without any claim no change is in hand
            _release_lost(session, lane, now=now)
        return True
    row = {"connection_id": lane.connection_id, "kind": lane.kind}
    made = insert(LaneRow).values(row).on_conflict_do_nothing().returning(LaneRow.kind)
    return session.scalar(made) is not None  # the first time; a row of one's own is locked


def _release_lost(session: Session, lane: Lane, *, now: datetime) -> None:
    """Take back what a vanished worker had in hand; it may have been saved."""
    lost = locked(select(ChangeRow.id).where(_is(ChangeRow, lane), ChangeRow.state == State.WORKING))
    session.execute(
        update(ChangeRow)
        .where(ChangeRow.id.in_(lost))
        .values(state=State.WAITING, uncertain=True, lost=ChangeRow.lost + 1, due_at=now, claim=None)
    )


def _due(session: Session, lane: Lane, *, most: int, now: datetime) -> Sequence[ChangeRow]:
    """Lock the oldest due changes; one whose last attempt ended oddly goes alone, to harm no other.

    One that is just being written to is left for the next claim: whoever writes to it nudges the lane afterwards.
    """
    due = and_(_is(ChangeRow, lane), ChangeRow.state == State.WAITING, ChangeRow.due_at <= now)
    oldest = select(ChangeRow).where(due).order_by(ChangeRow.due_at, ChangeRow.id).limit(most)
    rows = session.scalars(oldest.with_for_update(skip_locked=True, key_share=True)).all()
    return list(takewhile(lambda row: not _suspect(row), rows)) or rows[:1]


def _suspect(row: ChangeRow) -> bool:
    return row.uncertain or row.lost > 0 or row.reason == CRASHED


def _settle_one(
    session: Session, row: ChangeRow, settlement: Settlement, numbers: Mapping[str, str], *, now: datetime
) -> ChangeRow | None:
    """Write down how one change left; its row where it was attempted."""
    again = row.revision > row.taken and settlement.state is not State.WAITING
    soon = now + lingering.LINGERS if settlement.uncertain else now
    row.state, row.due_at = (State.WAITING, soon) if again else (settlement.state, settlement.due_at)
    row.claim, row.lost = None, 0
    row.tries, row.uncertain, row.alerted = settlement.tries, settlement.uncertain, settlement.alerted
    awaited = settlement.waits_for
    row.waits_for_kind, row.waits_for_id = (awaited.kind, awaited.id) if awaited else (None, None)
    if settlement.outcome is None:
        return None
    if settlement.state is State.STUCK:
        row.stuck_since = row.stuck_since or now
    elif settlement.went_well:
        row.stuck_since, row.reminders = None, 0
    if settlement.title or not row.title:
        row.title = settlement.title
        row.words = words_of(row.title, row.record_id, numbers.get(row.record_id, ""), *settlement.mentioned)
    row.outcome, row.settled_at = settlement.outcome, now
    row.reason, row.message, row.remedy = settlement.reason, settlement.message, settlement.remedy
    session.add(_attempt(settlement, now=now))
    if settlement.alert:
        queue(session, row.connection_id, settlement.alert, change_id=row.id, now=now)
    return row


def _attempt(settlement: Settlement, *, now: datetime) -> AttemptRow:
    return AttemptRow(
        change_id=settlement.change_id,
        at=now,
        seconds=settlement.seconds,
        outcome=settlement.outcome or "",
        reason=settlement.reason,
        message=settlement.message,
        exchanges=[asdict(exchange) for exchange in settlement.exchanges],
    )


def _still_waits(row: ChangeRow) -> bool:
    """Tell whether it waits for another record, which is no failure."""
    return row.state == State.WAITING and row.waits_for_kind is not None


def _change(row: ChangeRow) -> Change:
    return Change(
        id=row.id,
        record=Record(Kind(row.kind), row.record_id),
        tries=row.tries,
        lost=row.lost,
        uncertain=row.uncertain,
        alerted=row.alerted,
        title=row.title,
        received_at=row.received_at,
        waits_for=Record(Kind(row.waits_for_kind), row.waits_for_id or "") if row.waits_for_kind else None,
    )


def _is(table: type[LaneRow | ChangeRow], lane: Lane) -> ColumnElement[bool]:
    return and_(table.connection_id == lane.connection_id, table.kind == lane.kind)
