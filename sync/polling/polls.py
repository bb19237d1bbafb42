"""Polls find changes without a webhook: 24SevenOffice sends none, and Moment's may be lost."""

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
from sync.errors import RateLimitedError, ResponseTooLargeError, SyncError
from sync.polling.expense_schedule import PollState
from sync.ports import Moment, SupplierVouchers

T = TypeVar("T")

OVERLAP = timedelta(minutes=10)
"""How far a poll reaches back before the last one, because clocks differ and records are saved late."""

NIGHTLY_AT = time(3)
"""The time (Oslo) after which the first poll is the nightly one."""

WINDOW = timedelta(days=7)
"""The longest period of one call to 24SevenOffice, which returns everything at once."""

MIN_WINDOW = timedelta(minutes=1)
"""The shortest period: it is halved after a response that is too large and after each failed poll."""

MAX_HALVINGS = 16
"""The number of failures after which the period is not halved again."""

BATCH_SIZE = 500
"""Records enqueued in one transaction, so that a hundred thousand of them do not delay the renewal of a lease."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """The numbers of records that a poll enqueued (``received``), and of those without a webhook (``missed``)."""

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
    """Enqueue the changes in Moment since the last poll; the cursor moves only after all are enqueued.

    The first poll after three at night reaches back to that of the night before. It skips changes that other polls
    have seen, unless they had no webhook. ``lag`` returns how far Moment's clock is behind ours. Raises SyncError.
    """
    cursors.correct_future_position(database, lane, now=now)
    last = cursors.start(database, lane, at=now)
    with _recording_failure(database, lane, now=now):
        night = _nightly_position(database, lane, start=last, now=now)
        nightly = night < _last_nightly(now)
        since = min(night, last) if nightly else last
        modified = list(moment.modified(lane.entity_type, since=since - OVERLAP))
    missed_webhooks.withdraw(database, lane, detected_at=last)
    new_since = (last - OVERLAP).replace(microsecond=0)  # because Moment may round
    received = missed = 0
    for batch in _batches(modified):
        without_webhook = missed_webhooks.find_missed(database, lane, batch)
        ids = {each.id for each in batch if each.at is None or each.at >= new_since}
        ids |= {each.id for each in without_webhook}
        enqueue(database, lane.connection_id, [Record(lane.entity_type, each) for each in ids], now=now)
        missed_webhooks.record(database, lane, without_webhook, now=now)
        received, missed = received + len(ids), missed + len(without_webhook)
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
    """Enqueue the vouchers with costs on the listed accounts that changed since the last poll; return how many.

    Raises as :func:`poll_moment`. It takes a call for each week; the cursor moves after each. The period is
    shorter after failed polls, because the response may have been too large. The first poll starts at the first
    day in the settings, or now. One poll each night reaches back to the night before.
    """
    cursors.correct_future_position(database, lane, now=now)
    seen = cursors.start(database, lane, at=_start(settings, now))
    night = _nightly_position(database, lane, start=now, now=now)
    nightly = night < _last_nightly(now) <= seen  # otherwise it covers that night anyway
    since = (min(night, seen) if nightly else seen) - OVERLAP
    received, window = 0, max(WINDOW / 2 ** min(cursors.failures(database, lane), MAX_HALVINGS), MIN_WINDOW)
    with _recording_failure(database, lane, now=now):
        for until, vouchers in changed_vouchers(erp, settings, since=since, until=now, window=window):
            for batch in _batches(vouchers):
                enqueue(database, lane.connection_id, batch, now=now)
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


def enqueue_changed_since(
    database: Database, erp: SupplierVouchers, connection: Connection, *, since: datetime, now: datetime
) -> int:
    """Enqueue the vouchers that changed since an instant (UTC), and return their number. Raises SyncError."""
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
    """Yield the end of each ``window`` and its vouchers; if a response is too large, it is halved."""
    accounts = AccountRanges.parse(settings.expense_accounts)
    while accounts.intervals and since < until:
        end = min(since + window, until)
        try:
            vouchers = erp.changed_vouchers(accounts, since=since, until=end)
        except ResponseTooLargeError:
            if window <= MIN_WINDOW:
                raise
            window = max((end - since) / 2, MIN_WINDOW)
            continue
        yield end, [Record(EntityType.EXPENSE, voucher) for voucher in vouchers]
        since, window = end, min(2 * window, WINDOW)


def poll_states(database: Database, connections: Iterable[Connection], *, now: datetime) -> Sequence[PollState]:
    """Return, for active connections with expenses, the data that decides when they are polled next."""
    polled_at, changed_at = cursors.positions(database, EntityType.EXPENSE), cursors.last_received(database)
    return [
        PollState(
            connection.id,
            configured_interval=timedelta(minutes=connection.settings.expense_poll_minutes),
            polled_at=_past(polled_at.get(connection.id), now=now),
            changed_at=changed_at.get(connection.id),
        )
        for connection in connections
        if EntityType.EXPENSE in connection.settings.entity_types and connection.is_available(now)
    ]


@contextmanager
def _recording_failure(database: Database, lane: Lane, *, now: datetime) -> Iterator[None]:
    """Save on the cursor that a poll failed, so that the next one asks for less at a time."""
    try:
        yield
    except SyncError as error:
        counts = not isinstance(error, RateLimitedError)
        cursors.record_failure(database, lane, problem=error.message, counts=counts, now=now)
        raise


def _batches(found: Sequence[T]) -> Iterator[Sequence[T]]:
    return (found[start : start + BATCH_SIZE] for start in range(0, len(found), BATCH_SIZE))


def _nightly_position(database: Database, lane: Lane, *, start: datetime, now: datetime) -> datetime:
    """Return the instant up to which nightly polls have read, corrected if a wrong clock had set it ahead."""
    night = missed_webhooks.nightly_position(database, lane, at=start)
    return night if night <= now + cursors.CLOCK_TOLERANCE else now - cursors.STEP_BACK


def _past(polled_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return None for a poll in the future; otherwise nothing would be polled until then."""
    return polled_at if polled_at is None or polled_at <= now + cursors.CLOCK_TOLERANCE else None


def _last_nightly(now: datetime) -> datetime:
    """Return when the last nightly polls became due."""
    in_oslo = now.astimezone(OSLO)
    today = datetime.combine(in_oslo.date(), NIGHTLY_AT, OSLO)
    yesterday = datetime.combine(in_oslo.date() - timedelta(days=1), NIGHTLY_AT, OSLO)
    return today if today <= in_oslo else yesterday


def _start(settings: ConnectionSettings, now: datetime) -> datetime:
    if settings.expense_from is None:
        return now
    return min(now, datetime.combine(settings.expense_from, time(), OSLO))
