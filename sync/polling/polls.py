"""Polls: they find changes without a webhook. 24SevenOffice sends none, and Moment's may be lost."""

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
"""How far a poll reaches back before the last one, for differing clocks and records saved late."""

NIGHTLY_AT = time(3)
"""The time (Oslo) after which the first poll is the nightly one."""

WINDOW = timedelta(days=7)
"""The longest period of one call to 24SevenOffice, which returns everything at once."""

MIN_WINDOW = timedelta(minutes=1)
"""The shortest period, to which it is halved after responses that are too large and failed polls."""

MAX_HALVINGS = 16
"""After so many failures, a period is as short as can be."""

SLICE = 500
"""Records enqueued at a time, so that a hundred thousand of them do not delay a worker's lease."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """How many records a poll enqueued, and how many of them had no webhook."""

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
    """Enqueue the records changed in Moment since the last poll; the cursor moves only when all are enqueued.

    The first poll after three at night reaches back to that of the night before. It skips what other polls have
    seen, unless a modification had no webhook.

    Args:
        database: where the inbox and the cursors are.
        moment: the company's Moment.
        lane: the connection and entity type.
        now: in UTC.
        lag: returns how far Moment's clock is behind ours; its records have its own time.

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
    """Enqueue the vouchers with costs on the listed accounts that changed since the last poll.

    It takes one call if there is little to catch up with, otherwise one for each week, after which the cursor
    moves. The period is shorter after failed polls, as the response may have been too large. The first poll starts
    at the first day in the settings, or now. One poll each night reaches back to the night before. Arguments and
    errors are those of :func:`poll_moment`.

    Returns:
        How many vouchers were enqueued.
    """
    cursors.set_future_back(database, lane, now=now)
    seen = cursors.start(database, lane, at=_start(settings, now))
    night = _night(database, lane, start=now, now=now)
    nightly = night < _last_nightly(now) <= seen  # otherwise it covers that night anyway
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
    """Enqueue again the vouchers that changed since an instant (UTC), whatever the polls have seen.

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
    """Yield, week by week, the end of the period and its vouchers with costs on the listed accounts.

    It begins with a ``window`` that may be shorter. If a response is too large, the period is halved.
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
    """Return the data by which :mod:`.schedule` decides when active connections with expenses are polled next."""
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
    """Save on the cursor that a poll failed, so that the next one asks for less at a time."""
    try:
        yield
    except SyncError as error:
        counts = not isinstance(error, RateLimitedError)
        cursors.record_failure(database, lane, problem=error.message, counts=counts, now=now)
        raise


def _slices(found: Sequence[T]) -> Iterator[Sequence[T]]:
    return (found[start : start + SLICE] for start in range(0, len(found), SLICE))


def _night(database: Database, lane: Lane, *, start: datetime, now: datetime) -> datetime:
    """Return how far the nightly polls have looked, corrected if a wrong clock had set it ahead."""
    night = missed_webhooks.nightly_position(database, lane, at=start)
    return night if night <= now + cursors.CLOCK_TOLERANCE else now - cursors.STEP_BACK


def _past(polled_at: datetime | None, *, now: datetime) -> datetime | None:
    """Treat a poll in the future as none; otherwise nothing would be polled before then."""
    return polled_at if polled_at is None or polled_at <= now + cursors.CLOCK_TOLERANCE else None


def _last_nightly(now: datetime) -> datetime:
    """Return when the last nightly polls became due."""
    there = now.astimezone(OSLO)
    tonight = datetime.combine(there.date(), NIGHTLY_AT, OSLO)
    return tonight if tonight <= there else datetime.combine(there.date() - timedelta(days=1), NIGHTLY_AT, OSLO)


def _start(settings: ConnectionSettings, now: datetime) -> datetime:
    if settings.expense_from is None:
        return now
    return min(now, datetime.combine(settings.expense_from, time(), OSLO))
