"""Polls: what no notification tells. A webhook is only an early poll, and 24SevenOffice sends none at all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from i18n.formatting import OSLO
from models.connections.account_ranges import AccountRanges
from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox import cursors, missed_webhooks
from models.inbox.enqueue import enqueue
from sync.polling.schedule import PollState
from sync.ports import Moment, SupplierVouchers

OVERLAP = timedelta(minutes=10)
"""How far each poll reaches back before the last one, for clocks that differ and records saved late."""

NIGHTLY_AT = time(3)
"""From when on (Oslo) the first poll is the nightly one."""

WINDOW = timedelta(days=7)
"""The longest span that one call asks 24SevenOffice for, as it answers with all of it at once."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """How many records a poll received, and of how many of them no notification had told."""

    received: int
    missed: int
    nightly: bool


def poll_moment(database: Database, moment: Moment, lane: Lane, *, now: datetime) -> PollResult:
    """Receive what has changed in Moment since the last poll; the cursor moves only when all is in the inbox.

    The first poll after three at night reaches back to the one of the night before. What the others have
    seen already is not looked at again by it, unless something was modified that nobody told of.

    Raises:
        SyncError: Moment did not answer; the next poll starts where this one did.
    """
    last = cursors.start(database, lane, at=now)
    night = missed_webhooks.nightly_position(database, lane, at=now)
    nightly = night < _last_nightly(now)
    lately = (last - OVERLAP).replace(microsecond=0)  # as Moment may round
    listed = list(
        moment.modified(lane.entity_type, since=min(night, last) - OVERLAP if nightly else last - OVERLAP)
    )
    found = missed_webhooks.missed(database, lane, listed)
    missed_webhooks.withdraw(database, lane, detected_at=last)
    news = {each.id for each in listed if each.at is None or each.at >= lately} | {each.id for each in found}
    enqueue(database, lane.connection_id, [Record(lane.entity_type, each) for each in news], now=now)
    missed_webhooks.record(database, lane, found, now=now)
    cursors.move(database, lane, to=now)
    if nightly:
        missed_webhooks.complete_nightly_poll(database, lane, now=now)
    return PollResult(len(news), len(found), nightly)


def poll_expenses(
    database: Database, erp: SupplierVouchers, lane: Lane, *, settings: ConnectionSettings, now: datetime
) -> int:
    """Receive the vouchers with costs on the listed accounts that changed since the last poll.

    One call where there is little to catch up, else one for each week, after which the cursor moves. The first
    poll starts at the first day that the settings name, or now. Raises as :func:`poll_moment` does.

    Returns:
        How many vouchers were received.
    """
    since = cursors.start(database, lane, at=_start(settings, now)) - OVERLAP
    received = 0
    for until, vouchers in changed_vouchers(erp, settings, since=since, until=now):
        enqueue(database, lane.connection_id, vouchers, now=now)
        cursors.move(database, lane, to=until)
        received += len(vouchers)
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
    erp: SupplierVouchers, settings: ConnectionSettings, *, since: datetime, until: datetime
) -> Iterator[tuple[datetime, Sequence[Record]]]:
    """Find the vouchers with costs on the listed accounts, week by week: up to when, and which they are."""
    accounts = AccountRanges.parse(settings.expense_accounts)
    while accounts.intervals and since < until:
        end = min(since + WINDOW, until)
        found = erp.changed_vouchers(accounts, since=since, until=end)
        yield end, [Record(EntityType.EXPENSE, voucher) for voucher in found]
        since = end


def poll_states(database: Database, connections: Iterable[Connection], *, now: datetime) -> Sequence[PollState]:
    """Tell what decides when the connections that bring expenses, and work, are polled next."""
    last, news = cursors.positions(database, EntityType.EXPENSE), cursors.last_received(database)
    return [
        PollState(
            connection.id,
            configured_interval=timedelta(minutes=connection.settings.expense_poll_minutes),
            polled_at=last.get(connection.id),
            changed_at=news.get(connection.id),
        )
        for connection in connections
        if EntityType.EXPENSE in connection.settings.entity_types and connection.is_available(now)
    ]


def _last_nightly(now: datetime) -> datetime:
    """Tell when the last night's polls became due."""
    there = now.astimezone(OSLO)
    tonight = datetime.combine(there.date(), NIGHTLY_AT, OSLO)
    return tonight if tonight <= there else datetime.combine(there.date() - timedelta(days=1), NIGHTLY_AT, OSLO)


def _start(settings: ConnectionSettings, now: datetime) -> datetime:
    if settings.expense_from is None:
        return now
    return min(now, datetime.combine(settings.expense_from, time(), OSLO))
