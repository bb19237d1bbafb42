"""Polls: what no notification tells. A webhook is only an early poll, and 24SevenOffice sends none at all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeVar

from i18n.formatting import OSLO
from models.connections.account_ranges import AccountRanges
from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox import cursors, missed_webhooks
from models.inbox.enqueue import enqueue
from sync.errors import AnswerTooLargeError, RateLimitedError, SyncError
from sync.polling.schedule import PollState
from sync.ports import Moment, SupplierVouchers

T = TypeVar("T")

OVERLAP = timedelta(minutes=10)
"""How far each poll reaches back before the last one, for clocks that differ and records saved late."""

NIGHTLY_AT = time(3)
"""From when on (Oslo) the first poll is the nightly one."""

WINDOW = timedelta(days=7)
"""The longest span that one call asks 24SevenOffice for, as it answers with all of it at once."""

MIN_WINDOW = timedelta(minutes=1)
"""The shortest, to which the span is halved by answers that are too large and by polls that fail."""

MAX_HALVINGS = 16
"""After so many failures a window is as short as can be."""

SLICE = 500
"""Records that enter the inbox at a time, so that a hundred thousand of them hold up no worker's lease."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """How many records a poll received, and of how many of them no notification had told."""

    received: int
    missed: int
    nightly: bool


def poll_moment(
    database: Database,
    moment: Moment,
    lane: Lane,
    *,
    now: datetime,
    lag: Callable[[], timedelta] = timedelta,
) -> PollResult:
    """Receive what has changed in Moment since the last poll; the cursor moves only when all is in the inbox.

    The first poll after three at night reaches back to the one of the night before. What the others have
    seen already is not looked at again by it, unless something was modified that nobody told of.

    Args:
        database: where the inbox and the cursors are.
        moment: the company's Moment.
        lane: of which connection and entity type.
        now: in UTC.
        lag: tells how far Moment's clock is behind ours; its records are marked by its own.

    Raises:
        SyncError: Moment did not answer; the next poll starts where this one did.
    """
    cursors.set_future_back(database, lane, now=now)
    last = cursors.start(database, lane, at=now)
    with _noting_failure(database, lane, now=now):
        night = _night(database, lane, start=last, now=now)
        nightly = night < _last_nightly(now)
        since = min(night, last) if nightly else last
        listed = list(moment.modified(lane.entity_type, since=since - OVERLAP))
    missed_webhooks.withdraw(database, lane, detected_at=last)
    lately = (last - OVERLAP).replace(microsecond=0)  # as Moment may round
    received = missed = 0
    for some in _slices(listed):
        found = missed_webhooks.missed(database, lane, some)
        news = {each.id for each in some if each.at is None or each.at >= lately} | {each.id for each in found}
        enqueue(database, lane.connection_id, [Record(lane.entity_type, each) for each in news], now=now)
        missed_webhooks.record(database, lane, found, now=now)
        received, missed = received + len(news), missed + len(found)
    cursors.move(database, lane, to=now - lag(), seen=last)
    cursors.record_progress(database, lane, now=now, finished=True)
    if nightly:
        missed_webhooks.complete_nightly_poll(database, lane, now=now)
    return PollResult(received, missed, nightly)


def poll_expenses(
    database: Database,
    erp: SupplierVouchers,
    lane: Lane,
    *,
    settings: ConnectionSettings,
    now: datetime,
    lag: Callable[[], timedelta] = timedelta,
) -> int:
    """Receive the vouchers with costs on the listed accounts that changed since the last poll.

    One call where there is little to catch up, else one for each week, after which the cursor moves. Polls that
    failed make it shorter, as the answer may have been too much. The first poll starts at the first day that the
    settings name, or now; one of each night reaches back to the night before. Arguments are
    those of :func:`poll_moment`, and it raises as that does.

    Returns:
        How many vouchers were received.
    """
    cursors.set_future_back(database, lane, now=now)
    seen = cursors.start(database, lane, at=_start(settings, now))
    night = _night(database, lane, start=now, now=now)
    nightly = night < _last_nightly(now) <= seen  # else it has to catch up with that night anyway
    since = (min(night, seen) if nightly else seen) - OVERLAP
    received, window = 0, max(WINDOW / 2 ** min(cursors.failures(database, lane), MAX_HALVINGS), MIN_WINDOW)
    with _noting_failure(database, lane, now=now):
        for until, vouchers in changed_vouchers(erp, settings, since=since, until=now, window=window):
            for some in _slices(vouchers):
                enqueue(database, lane.connection_id, some, now=now)
            received += len(vouchers)
            moved = cursors.move(database, lane, to=min(max(until, seen), now - lag()), seen=seen)
            if moved is None:
                return received
            seen = moved
            cursors.record_progress(database, lane, now=now, finished=False)
    cursors.record_progress(database, lane, now=now, finished=True)
    if nightly:
        missed_webhooks.complete_nightly_poll(database, lane, now=now)
    return received


def import_expenses(
    database: Database, erp: SupplierVouchers, connection: Connection, *, since: datetime, now: datetime
) -> int:
    """Receive the vouchers that changed since an instant (UTC) once more, whatever the polls have seen.

    Returns:
        How many there are.

    Raises:
        SyncError: 24SevenOffice did not answer.
    """
    received: set[Record] = set()
    for _, vouchers in changed_vouchers(erp, connection.settings, since=since, until=now):
        enqueue(database, connection.id, vouchers, now=now)
        received.update(vouchers)
    return len(received)


def changed_vouchers(
    erp: SupplierVouchers,
    settings: ConnectionSettings,
    *,
    since: datetime,
    until: datetime,
    window: timedelta = WINDOW,
) -> Iterator[tuple[datetime, Sequence[Record]]]:
    """Find the vouchers with costs on the listed accounts, week by week: up to when, and which they are.

    It begins with a ``window`` that may be shorter; one with too large an answer is asked for by halves.
    """
    accounts = AccountRanges.parse(settings.expense_accounts)
    while accounts.intervals and since < until:
        end = min(since + window, until)
        try:
            found = erp.changed_vouchers(accounts, since=since, until=end)
        except AnswerTooLargeError:
            if window <= MIN_WINDOW:
                raise
            window = max((end - since) / 2, MIN_WINDOW)
            continue
        yield end, [Record(EntityType.EXPENSE, voucher) for voucher in found]
        since, window = end, min(2 * window, WINDOW)


def poll_states(database: Database, connections: Iterable[Connection], *, now: datetime) -> Sequence[PollState]:
    """Return what decides when the connections that bring expenses, and work, are polled next."""
    last, news = cursors.positions(database, EntityType.EXPENSE), cursors.last_received(database)
    return [
        PollState(
            connection.id,
            configured_interval=timedelta(minutes=connection.settings.expense_poll_minutes),
            polled_at=_past(last.get(connection.id), now=now),
            changed_at=news.get(connection.id),
        )
        for connection in connections
        if EntityType.EXPENSE in connection.settings.entity_types and connection.is_available(now)
    ]


@contextmanager
def _noting_failure(database: Database, lane: Lane, *, now: datetime) -> Iterator[None]:
    """Note on the cursor that a poll has failed, by which the next one asks for less at a time."""
    try:
        yield
    except SyncError as error:
        counts = not isinstance(error, RateLimitedError)
        cursors.record_failure(database, lane, problem=error.message, counts=counts, now=now)
        raise


def _slices(found: Sequence[T]) -> Iterator[Sequence[T]]:
    return (found[start : start + SLICE] for start in range(0, len(found), SLICE))


def _night(database: Database, lane: Lane, *, start: datetime, now: datetime) -> datetime:
    """Return up to when the nightly polls have looked, also where a wrong clock had said something else."""
    night = missed_webhooks.nightly_position(database, lane, at=start)
    return night if night <= now + cursors.CLOCK_TOLERANCE else now - cursors.STEP_BACK


def _past(polled_at: datetime | None, *, now: datetime) -> datetime | None:
    """Take a poll in the future for none, or nobody would poll before then."""
    return polled_at if polled_at is None or polled_at <= now + cursors.CLOCK_TOLERANCE else None


def _last_nightly(now: datetime) -> datetime:
    """Return when the last night's polls became due."""
    there = now.astimezone(OSLO)
    tonight = datetime.combine(there.date(), NIGHTLY_AT, OSLO)
    return tonight if tonight <= there else datetime.combine(there.date() - timedelta(days=1), NIGHTLY_AT, OSLO)


def _start(settings: ConnectionSettings, now: datetime) -> datetime:
    if settings.expense_from is None:
        return now
    return min(now, datetime.combine(settings.expense_from, time(), OSLO))
