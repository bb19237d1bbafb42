from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from models.connections.account_ranges import AccountRanges
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import cursors, missed_webhooks
from models.inbox.due import states
from models.inbox.enqueue import enqueue
from models.inbox.missed_webhooks import ModifiedRecord
from sync.errors import ResponseTooLargeError, UnavailableError
from sync.polling.expense_schedule import PollState
from sync.polling.polls import OVERLAP, WINDOW, enqueue_changed_since, poll_expenses, poll_moment, poll_states
from sync.records import LedgerLine
from tests import factories
from tests.sync.conftest import World


def test_changes_without_a_webhook_are_found_by_the_poll(world: World) -> None:
    world.moment.put(factories.customer("7"))
    assert (
        poll_moment(
            world.database, world.moment, Lane(world.connection.id, EntityType.CUSTOMER), now=world.now
        ).received
        == 1
    )
    world.run()
    assert world.moment.customers["7"].number == "10001"


def test_a_poll_reaches_back_before_the_last_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []

    def modified(_kind: EntityType, *, since: datetime) -> list[ModifiedRecord]:
        asked.append(since)
        return []

    monkeypatch.setattr(world.moment, "modified", modified)
    lane = Lane(world.connection.id, EntityType.INVOICE)
    poll_moment(world.database, world.moment, lane, now=world.now)
    poll_moment(world.database, world.moment, lane, now=world.now + timedelta(minutes=5))
    assert asked == [world.now - OVERLAP, world.now - OVERLAP]


def test_a_poll_that_fails_does_not_move_the_cursor(world: World) -> None:
    lane = Lane(world.connection.id, EntityType.INVOICE)
    poll_moment(world.database, world.moment, lane, now=world.now)
    world.moment.fails_before["changed"] = [UnavailableError("Moment is down.")]
    with pytest.raises(UnavailableError):
        poll_moment(world.database, world.moment, lane, now=world.now + timedelta(hours=1))
    assert cursors.position(world.database, lane) == world.now


@pytest.fixture
def expenses(world: World) -> Lane:
    world.change_settings(entity_types=["expense"], expense_accounts="4300", expense_poll_minutes=15)
    return Lane(world.connection.id, EntityType.EXPENSE)


def look(world: World, lane: Lane) -> int:
    return poll_expenses(world.database, world.erp, lane, settings=world.connection.settings, now=world.now)


def test_a_changed_voucher_enters_the_inbox(world: World, expenses: Lane) -> None:
    line = LedgerLine(4300, 1000, date(2026, 2, 20))
    world.erp.purchases = {"2026-4-1": [line], "2026-4-2": [replace(line, account=4000)]}
    assert look(world, expenses) == 1
    assert world.job(EntityType.EXPENSE, "2026-4-1").state is JobState.QUEUED


def test_a_poll_without_news_is_one_call(world: World, expenses: Lane) -> None:
    look(world, expenses)
    world.later(minutes=15)
    look(world, expenses)
    assert world.erp.calls["changed_vouchers"] == 2


def test_the_first_poll_starts_where_it_was_first_tried(world: World, expenses: Lane) -> None:
    start = world.now
    world.erp.fails_before["changed_vouchers"] = [UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        look(world, expenses)
    world.later(hours=1)
    look(world, expenses)
    assert world.erp.asked == [(start - OVERLAP, world.now)]


def test_a_poll_catches_up_week_by_week(world: World, expenses: Lane) -> None:
    look(world, expenses)
    world.later(days=20)
    world.erp.asked.clear()
    look(world, expenses)
    assert [until - since for since, until in world.erp.asked] == [WINDOW, WINDOW, timedelta(days=6) + OVERLAP]
    assert world.erp.asked[-1][1] == world.now


def test_a_poll_that_fails_half_way_continues_from_there(world: World, expenses: Lane) -> None:
    look(world, expenses)
    start = world.now
    world.later(days=20)
    world.erp.fails_after["changed_vouchers"] = [None, UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        look(world, expenses)
    assert cursors.position(world.database, expenses) == start - OVERLAP + WINDOW


def test_the_first_poll_starts_at_the_first_day_in_oslo(world: World, expenses: Lane) -> None:
    world.change_settings(expense_from=date(2026, 3, 1))
    look(world, expenses)
    assert world.erp.asked[0][0] == datetime(2026, 2, 28, 23, tzinfo=UTC) - OVERLAP


def test_an_import_reads_the_requested_days_and_does_not_move_the_cursor(world: World, expenses: Lane) -> None:
    world.erp.purchases = {"2026-4-1": [LedgerLine(4300, 1000, date(2026, 2, 20))]}
    since = world.now - timedelta(days=10)
    assert enqueue_changed_since(world.database, world.erp, world.connection, since=since, now=world.now) == 1
    assert [asked for asked, _ in world.erp.asked] == [since, since + WINDOW]
    assert world.job(EntityType.EXPENSE, "2026-4-1").state is JobState.QUEUED
    assert cursors.position(world.database, expenses) is None


TOO_MUCH = timedelta(hours=6)
"""The longest period whose vouchers fit into a response, if there are many."""


def import_of_many_vouchers(world: World, monkeypatch: pytest.MonkeyPatch, error: UnavailableError) -> None:
    """Have so many vouchers changed at one instant of last month that a response for more than a few hours fails."""
    heavy = world.now - timedelta(days=30)

    def changed(_accounts: AccountRanges, *, since: datetime, until: datetime) -> list[str]:
        if since <= heavy <= until and until - since > TOO_MUCH:
            raise error
        return []

    monkeypatch.setattr(world.erp, "changed_vouchers", changed)
    world.change_settings(expense_from=(heavy - timedelta(days=3)).date())


def test_an_unanswered_week_is_requested_in_smaller_parts(
    world: World, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_of_many_vouchers(world, monkeypatch, UnavailableError("It gave no answer.", error_code="no_answer"))
    for _ in range(20):
        world.later(minutes=15)
        with suppress(UnavailableError):
            look(world, expenses)
    assert cursors.position(world.database, expenses) == world.now
    assert cursors.failures(world.database, expenses) == 0


def test_a_week_with_too_large_a_response_is_requested_in_halves_at_once(
    world: World, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_of_many_vouchers(world, monkeypatch, ResponseTooLargeError("It is too much.", error_code="unreadable"))
    look(world, expenses)
    assert cursors.position(world.database, expenses) == world.now


def test_a_cursor_set_ahead_by_a_wrong_clock_is_set_back(world: World, expenses: Lane) -> None:
    look(world, expenses)
    right = world.now
    world.later(days=30)
    look(world, expenses)
    world.now = right + timedelta(minutes=15)
    (state,) = poll_states(world.database, world.connections.all(), now=world.now)
    assert state.polled_at is None  # due, not waiting for that day
    world.erp.asked.clear()
    look(world, expenses)
    assert world.erp.asked == [(world.now - timedelta(days=1) - OVERLAP, world.now)]
    assert cursors.position(world.database, expenses) == world.now


def test_a_cursor_is_never_ahead_of_postgresqls_clock(world: World, expenses: Lane) -> None:
    world.now = datetime.now(UTC) + timedelta(days=30)
    look(world, expenses)
    position = cursors.position(world.database, expenses)
    assert position
    assert position <= datetime.now(UTC)


def test_changes_are_not_missed_if_the_other_clock_is_behind(
    world: World, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag, theirs = timedelta(minutes=15), world.now
    changed = {f"2026-4-{n}": world.now + timedelta(minutes=n) for n in range(1, 301)}
    seen: set[str] = set()

    def answer(_accounts: AccountRanges, *, since: datetime, until: datetime) -> list[str]:
        found = [name for name, at in changed.items() if since <= at <= min(until, theirs)]
        seen.update(found)
        return found

    monkeypatch.setattr(world.erp, "changed_vouchers", answer)
    for _ in range(25):
        poll_expenses(
            world.database,
            world.erp,
            expenses,
            settings=world.connection.settings,
            now=theirs + lag,
            lag=lambda: lag,
        )
        theirs += timedelta(minutes=15)
    assert len(seen) == len(changed)


def test_once_a_night_expenses_are_polled_from_the_night_before(world: World, expenses: Lane) -> None:
    first = world.now
    look(world, expenses)
    world.later(hours=16)
    look(world, expenses)
    before = world.now
    for _ in range(3):
        world.later(hours=2)
        look(world, expenses)
    last = world.now - timedelta(hours=2)
    asked = [since + OVERLAP for since, _ in world.erp.asked]
    assert asked == [first, first, before, first, last]


@pytest.mark.parametrize("elsewhere", [timedelta(minutes=5), -timedelta(days=3)])
def test_a_poll_leaves_a_cursor_moved_meanwhile_alone(
    world: World, expenses: Lane, monkeypatch: pytest.MonkeyPatch, elsewhere: timedelta
) -> None:
    """By a faster poll, or by a person who has restored a backup."""
    look(world, expenses)
    world.later(minutes=15)
    moved = world.now + elsewhere

    def slowly(_accounts: AccountRanges, **_: datetime) -> list[str]:
        cursors.move(world.database, expenses, to=moved)
        return []

    monkeypatch.setattr(world.erp, "changed_vouchers", slowly)
    look(world, expenses)
    assert cursors.position(world.database, expenses) == moved


def test_many_records_are_enqueued_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [ModifiedRecord(str(n), world.now) for n in range(1, 1002)]
    sizes: list[int] = []

    def counting(database: Database, connection_id: int, records: list[Record], *, now: datetime) -> None:
        sizes.append(len(records))
        enqueue(database, connection_id, records, now=now)

    monkeypatch.setattr("sync.polling.polls.enqueue", counting)
    monkeypatch.setattr(world.moment, "modified", lambda _type, **_: listed)
    lane = Lane(world.connection.id, EntityType.CUSTOMER)
    assert poll_moment(world.database, world.moment, lane, now=world.now).received == len(listed)
    assert max(sizes) <= 500
    assert len(states(world.database, lane, [each.id for each in listed])) == len(listed)


def test_the_next_poll_depends_on_interval_last_poll_and_last_change(world: World, expenses: Lane) -> None:
    def rhythm() -> PollState:
        (found,) = poll_states(world.database, world.connections.all(), now=world.now)
        return found

    assert rhythm() == PollState(expenses.connection_id, timedelta(minutes=15))
    look(world, expenses)
    assert rhythm().polled_at == world.now
    world.later(minutes=3)
    world.receive(EntityType.INVOICE, "9")
    assert rhythm().changed_at == world.now


def test_a_paused_connection_or_one_without_expenses_is_not_polled(world: World, expenses: Lane) -> None:
    world.connections.pause(expenses.connection_id, "The password is wrong.", now=world.now)
    assert poll_states(world.database, world.connections.all(), now=world.now) == []
    world.change_settings(entity_types=["invoice"])
    assert poll_states(world.database, world.connections.all(), now=world.now) == []


CUSTOMER = "7"


@pytest.fixture
def customers(world: World) -> Lane:
    """A lane that has been polled, and in which nothing is new."""
    lane = Lane(world.connection.id, EntityType.CUSTOMER)
    poll_moment(world.database, world.moment, lane, now=world.now)
    return lane


def modify(world: World) -> None:
    """Make the customer in Moment, or save it again as it is."""
    world.moment.customers.setdefault(CUSTOMER, factories.customer(CUSTOMER))
    world.moment.modified_at[CUSTOMER] = world.now


def poll(world: World, lane: Lane, **wait: float) -> int:
    """Poll later, run the received jobs, and return how many changes had no webhook."""
    world.later(**wait)
    polled = poll_moment(world.database, world.moment, lane, now=world.now)
    world.run()
    return polled.missed


def missed(world: World) -> int:
    return missed_webhooks.count(world.database, world.connection.id, now=world.now).get(EntityType.CUSTOMER, 0)


def test_a_change_whose_webhook_was_lost_is_found_and_counted_once(world: World, customers: Lane) -> None:
    modify(world)
    assert [poll(world, customers, minutes=5) for _ in range(3)] == [1, 0, 0]
    assert missed(world) == 1
    world.later(days=7)
    assert missed(world) == 0


def test_a_change_with_a_webhook_is_not_counted(world: World, customers: Lane) -> None:
    modify(world)
    world.later(seconds=2)
    world.sync(EntityType.CUSTOMER, CUSTOMER)
    assert poll(world, customers, minutes=5) == 0
    assert missed(world) == 0


def test_a_slightly_different_clock_causes_no_missed_webhook(world: World, customers: Lane) -> None:
    modify(world)
    world.moment.modified_at[CUSTOMER] += timedelta(seconds=20)
    world.receive(EntityType.CUSTOMER, CUSTOMER)
    assert poll(world, customers, minutes=5) == 0


def test_unchanged_records_are_not_counted(world: World, customers: Lane) -> None:
    modify(world)
    world.sync(EntityType.CUSTOMER, CUSTOMER)
    world.later(hours=1)
    modify(world)
    calls = sum(world.erp.calls.values())
    assert poll(world, customers, minutes=5) == 1
    assert missed(world) == 0
    assert sum(world.erp.calls.values()) == calls


def test_a_poll_just_ahead_of_the_webhook_does_not_count(world: World, customers: Lane) -> None:
    world.later(minutes=5)
    modify(world)
    poll(world, customers, seconds=1)
    world.later(seconds=1)
    world.receive(EntityType.CUSTOMER, CUSTOMER)
    assert missed(world) == 1
    poll(world, customers, minutes=5)
    assert missed(world) == 0


def test_the_nightly_poll_finds_what_the_others_missed(world: World, customers: Lane) -> None:
    shown_late = world.now + timedelta(hours=1)
    poll(world, customers, hours=4)
    modify(world)
    world.moment.modified_at[CUSTOMER] = shown_late
    assert poll(world, customers, minutes=5) == 0
    assert poll(world, customers, hours=12) == 0  # it is not three o'clock yet
    assert poll(world, customers, hours=2) == 1
    assert missed(world) == 1
    assert world.job(EntityType.CUSTOMER, CUSTOMER).state is JobState.DONE


def test_a_night_without_losses_rereads_nothing(world: World, customers: Lane) -> None:
    modify(world)
    world.sync(EntityType.CUSTOMER, CUSTOMER)
    poll(world, customers, hours=12)
    world.later(hours=7)
    nightly = poll_moment(world.database, world.moment, customers, now=world.now)
    assert (nightly.nightly, nightly.received, nightly.missed) == (True, 0, 0)
    world.later(hours=1)
    assert not poll_moment(world.database, world.moment, customers, now=world.now).nightly


def test_no_night_reaches_back_before_the_first_poll(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, asked = world.now, []

    def modified(_kind: EntityType, *, since: datetime) -> list[ModifiedRecord]:
        asked.append(since)
        return []

    monkeypatch.setattr(world.moment, "modified", modified)
    lane = Lane(world.connection.id, EntityType.INVOICE)
    poll(world, lane)
    poll(world, lane, hours=12)
    poll(world, lane, hours=12)
    poll(world, lane, hours=12)
    assert asked == [first - OVERLAP, first - OVERLAP, first - OVERLAP, first + timedelta(hours=24) - OVERLAP]
