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
from tests.sync.conftest import SyncHarness


def test_changes_without_a_webhook_are_found_by_the_poll(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"))
    assert (
        poll_moment(
            harness.database, harness.moment, Lane(harness.connection.id, EntityType.CUSTOMER), now=harness.now
        ).received
        == 1
    )
    harness.run()
    assert harness.moment.customers["7"].number == "10001"


def test_a_poll_reaches_back_before_the_last_one(harness: SyncHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []

    def modified(_kind: EntityType, *, since: datetime) -> list[ModifiedRecord]:
        asked.append(since)
        return []

    monkeypatch.setattr(harness.moment, "modified", modified)
    lane = Lane(harness.connection.id, EntityType.INVOICE)
    poll_moment(harness.database, harness.moment, lane, now=harness.now)
    poll_moment(harness.database, harness.moment, lane, now=harness.now + timedelta(minutes=5))
    assert asked == [harness.now - OVERLAP, harness.now - OVERLAP]


def test_a_poll_that_fails_does_not_move_the_cursor(harness: SyncHarness) -> None:
    lane = Lane(harness.connection.id, EntityType.INVOICE)
    poll_moment(harness.database, harness.moment, lane, now=harness.now)
    harness.moment.fails_before["changed"] = [UnavailableError("Moment is down.")]
    with pytest.raises(UnavailableError):
        poll_moment(harness.database, harness.moment, lane, now=harness.now + timedelta(hours=1))
    assert cursors.position(harness.database, lane) == harness.now


@pytest.fixture
def expenses(harness: SyncHarness) -> Lane:
    harness.change_settings(entity_types=["expense"], expense_accounts="4300", expense_poll_minutes=15)
    return Lane(harness.connection.id, EntityType.EXPENSE)


def look(harness: SyncHarness, lane: Lane) -> int:
    return poll_expenses(
        harness.database, harness.erp, lane, settings=harness.connection.settings, now=harness.now
    )


def test_a_changed_voucher_enters_the_inbox(harness: SyncHarness, expenses: Lane) -> None:
    line = LedgerLine(4300, 1000, date(2026, 2, 20))
    harness.erp.purchases = {"2026-4-1": [line], "2026-4-2": [replace(line, account=4000)]}
    assert look(harness, expenses) == 1
    assert harness.job(EntityType.EXPENSE, "2026-4-1").state is JobState.QUEUED


def test_a_poll_without_news_is_one_call(harness: SyncHarness, expenses: Lane) -> None:
    look(harness, expenses)
    harness.later(minutes=15)
    look(harness, expenses)
    assert harness.erp.calls["changed_vouchers"] == 2


def test_the_first_poll_starts_where_it_was_first_tried(harness: SyncHarness, expenses: Lane) -> None:
    start = harness.now
    harness.erp.fails_before["changed_vouchers"] = [UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        look(harness, expenses)
    harness.later(hours=1)
    look(harness, expenses)
    assert harness.erp.asked == [(start - OVERLAP, harness.now)]


def test_a_poll_catches_up_week_by_week(harness: SyncHarness, expenses: Lane) -> None:
    look(harness, expenses)
    harness.later(days=20)
    harness.erp.asked.clear()
    look(harness, expenses)
    assert [until - since for since, until in harness.erp.asked] == [WINDOW, WINDOW, timedelta(days=6) + OVERLAP]
    assert harness.erp.asked[-1][1] == harness.now


def test_a_poll_that_fails_half_way_continues_from_there(harness: SyncHarness, expenses: Lane) -> None:
    look(harness, expenses)
    start = harness.now
    harness.later(days=20)
    harness.erp.fails_after["changed_vouchers"] = [None, UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        look(harness, expenses)
    assert cursors.position(harness.database, expenses) == start - OVERLAP + WINDOW


def test_the_first_poll_starts_at_the_first_day_in_oslo(harness: SyncHarness, expenses: Lane) -> None:
    harness.change_settings(expense_from=date(2026, 3, 1))
    look(harness, expenses)
    assert harness.erp.asked[0][0] == datetime(2026, 2, 28, 23, tzinfo=UTC) - OVERLAP


def test_an_import_reads_the_requested_days_and_does_not_move_the_cursor(
    harness: SyncHarness, expenses: Lane
) -> None:
    harness.erp.purchases = {"2026-4-1": [LedgerLine(4300, 1000, date(2026, 2, 20))]}
    since = harness.now - timedelta(days=10)
    assert (
        enqueue_changed_since(harness.database, harness.erp, harness.connection, since=since, now=harness.now) == 1
    )
    assert [asked for asked, _ in harness.erp.asked] == [since, since + WINDOW]
    assert harness.job(EntityType.EXPENSE, "2026-4-1").state is JobState.QUEUED
    assert cursors.position(harness.database, expenses) is None


TOO_MUCH = timedelta(hours=6)
"""The longest period whose vouchers fit into a response, if there are many."""


def import_of_many_vouchers(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch, error: UnavailableError
) -> None:
    """Have so many vouchers changed at one instant of last month that a response for more than a few hours fails."""
    heavy = harness.now - timedelta(days=30)

    def changed(_accounts: AccountRanges, *, since: datetime, until: datetime) -> list[str]:
        if since <= heavy <= until and until - since > TOO_MUCH:
            raise error
        return []

    monkeypatch.setattr(harness.erp, "changed_vouchers", changed)
    harness.change_settings(expense_from=(heavy - timedelta(days=3)).date())


def test_an_unanswered_week_is_requested_in_smaller_parts(
    harness: SyncHarness, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_of_many_vouchers(harness, monkeypatch, UnavailableError("It gave no answer.", error_code="no_answer"))
    for _ in range(20):
        harness.later(minutes=15)
        with suppress(UnavailableError):
            look(harness, expenses)
    assert cursors.position(harness.database, expenses) == harness.now
    assert cursors.failures(harness.database, expenses) == 0


def test_a_week_with_too_large_a_response_is_requested_in_halves_at_once(
    harness: SyncHarness, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_of_many_vouchers(
        harness, monkeypatch, ResponseTooLargeError("It is too much.", error_code="unreadable")
    )
    look(harness, expenses)
    assert cursors.position(harness.database, expenses) == harness.now


def test_a_cursor_set_ahead_by_a_wrong_clock_is_set_back(harness: SyncHarness, expenses: Lane) -> None:
    look(harness, expenses)
    right = harness.now
    harness.later(days=30)
    look(harness, expenses)
    harness.now = right + timedelta(minutes=15)
    (state,) = poll_states(harness.database, harness.connections.all(), now=harness.now)
    assert state.polled_at is None  # due, not waiting for that day
    harness.erp.asked.clear()
    look(harness, expenses)
    assert harness.erp.asked == [(harness.now - timedelta(days=1) - OVERLAP, harness.now)]
    assert cursors.position(harness.database, expenses) == harness.now


def test_a_cursor_is_never_ahead_of_postgresqls_clock(harness: SyncHarness, expenses: Lane) -> None:
    harness.now = datetime.now(UTC) + timedelta(days=30)
    look(harness, expenses)
    position = cursors.position(harness.database, expenses)
    assert position
    assert position <= datetime.now(UTC)


def test_changes_are_not_missed_if_the_other_clock_is_behind(
    harness: SyncHarness, expenses: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag, theirs = timedelta(minutes=15), harness.now
    changed = {f"2026-4-{n}": harness.now + timedelta(minutes=n) for n in range(1, 301)}
    seen: set[str] = set()

    def answer(_accounts: AccountRanges, *, since: datetime, until: datetime) -> list[str]:
        found = [name for name, at in changed.items() if since <= at <= min(until, theirs)]
        seen.update(found)
        return found

    monkeypatch.setattr(harness.erp, "changed_vouchers", answer)
    for _ in range(25):
        poll_expenses(
            harness.database,
            harness.erp,
            expenses,
            settings=harness.connection.settings,
            now=theirs + lag,
            lag=lambda: lag,
        )
        theirs += timedelta(minutes=15)
    assert len(seen) == len(changed)


def test_once_a_night_expenses_are_polled_from_the_night_before(harness: SyncHarness, expenses: Lane) -> None:
    first = harness.now
    look(harness, expenses)
    harness.later(hours=16)
    look(harness, expenses)
    before = harness.now
    for _ in range(3):
        harness.later(hours=2)
        look(harness, expenses)
    last = harness.now - timedelta(hours=2)
    asked = [since + OVERLAP for since, _ in harness.erp.asked]
    assert asked == [first, first, before, first, last]


@pytest.mark.parametrize("elsewhere", [timedelta(minutes=5), -timedelta(days=3)])
def test_a_poll_leaves_a_cursor_moved_meanwhile_alone(
    harness: SyncHarness, expenses: Lane, monkeypatch: pytest.MonkeyPatch, elsewhere: timedelta
) -> None:
    """A faster poll moves the cursor, or a person who has restored a backup."""
    look(harness, expenses)
    harness.later(minutes=15)
    moved = harness.now + elsewhere

    def slowly(_accounts: AccountRanges, **_: datetime) -> list[str]:
        cursors.move(harness.database, expenses, to=moved)
        return []

    monkeypatch.setattr(harness.erp, "changed_vouchers", slowly)
    look(harness, expenses)
    assert cursors.position(harness.database, expenses) == moved


def test_many_records_are_enqueued_in_batches(harness: SyncHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [ModifiedRecord(str(n), harness.now) for n in range(1, 1002)]
    sizes: list[int] = []

    def counting(database: Database, connection_id: int, records: list[Record], *, now: datetime) -> None:
        sizes.append(len(records))
        enqueue(database, connection_id, records, now=now)

    monkeypatch.setattr("sync.polling.polls.enqueue", counting)
    monkeypatch.setattr(harness.moment, "modified", lambda _type, **_: listed)
    lane = Lane(harness.connection.id, EntityType.CUSTOMER)
    assert poll_moment(harness.database, harness.moment, lane, now=harness.now).received == len(listed)
    assert max(sizes) <= 500
    assert len(states(harness.database, lane, [each.id for each in listed])) == len(listed)


def test_the_next_poll_depends_on_interval_last_poll_and_last_change(harness: SyncHarness, expenses: Lane) -> None:
    def rhythm() -> PollState:
        (found,) = poll_states(harness.database, harness.connections.all(), now=harness.now)
        return found

    assert rhythm() == PollState(expenses.connection_id, timedelta(minutes=15))
    look(harness, expenses)
    assert rhythm().polled_at == harness.now
    harness.later(minutes=3)
    harness.receive(EntityType.INVOICE, "9")
    assert rhythm().changed_at == harness.now


def test_a_paused_connection_or_one_without_expenses_is_not_polled(harness: SyncHarness, expenses: Lane) -> None:
    harness.connections.pause(expenses.connection_id, "The password is wrong.", now=harness.now)
    assert poll_states(harness.database, harness.connections.all(), now=harness.now) == []
    harness.change_settings(entity_types=["invoice"])
    assert poll_states(harness.database, harness.connections.all(), now=harness.now) == []


CUSTOMER = "7"


@pytest.fixture
def customers(harness: SyncHarness) -> Lane:
    """A lane that has been polled, and in which nothing is new."""
    lane = Lane(harness.connection.id, EntityType.CUSTOMER)
    poll_moment(harness.database, harness.moment, lane, now=harness.now)
    return lane


def modify(harness: SyncHarness) -> None:
    """Create the customer in Moment, or save it again unchanged."""
    harness.moment.customers.setdefault(CUSTOMER, factories.customer(CUSTOMER))
    harness.moment.modified_at[CUSTOMER] = harness.now


def poll(harness: SyncHarness, lane: Lane, **wait: float) -> int:
    """Poll later, run the received jobs, and return how many changes had no webhook."""
    harness.later(**wait)
    polled = poll_moment(harness.database, harness.moment, lane, now=harness.now)
    harness.run()
    return polled.missed


def missed(harness: SyncHarness) -> int:
    return missed_webhooks.count(harness.database, harness.connection.id, now=harness.now).get(
        EntityType.CUSTOMER, 0
    )


def test_a_change_whose_webhook_was_lost_is_found_and_counted_once(harness: SyncHarness, customers: Lane) -> None:
    modify(harness)
    assert [poll(harness, customers, minutes=5) for _ in range(3)] == [1, 0, 0]
    assert missed(harness) == 1
    harness.later(days=7)
    assert missed(harness) == 0


def test_a_change_with_a_webhook_is_not_counted(harness: SyncHarness, customers: Lane) -> None:
    modify(harness)
    harness.later(seconds=2)
    harness.sync(EntityType.CUSTOMER, CUSTOMER)
    assert poll(harness, customers, minutes=5) == 0
    assert missed(harness) == 0


def test_a_slightly_different_clock_causes_no_missed_webhook(harness: SyncHarness, customers: Lane) -> None:
    modify(harness)
    harness.moment.modified_at[CUSTOMER] += timedelta(seconds=20)
    harness.receive(EntityType.CUSTOMER, CUSTOMER)
    assert poll(harness, customers, minutes=5) == 0


def test_unchanged_records_are_not_counted(harness: SyncHarness, customers: Lane) -> None:
    modify(harness)
    harness.sync(EntityType.CUSTOMER, CUSTOMER)
    harness.later(hours=1)
    modify(harness)
    calls = sum(harness.erp.calls.values())
    assert poll(harness, customers, minutes=5) == 1
    assert missed(harness) == 0
    assert sum(harness.erp.calls.values()) == calls


def test_a_poll_just_ahead_of_the_webhook_does_not_count(harness: SyncHarness, customers: Lane) -> None:
    harness.later(minutes=5)
    modify(harness)
    poll(harness, customers, seconds=1)
    harness.later(seconds=1)
    harness.receive(EntityType.CUSTOMER, CUSTOMER)
    assert missed(harness) == 1
    poll(harness, customers, minutes=5)
    assert missed(harness) == 0


def test_the_nightly_poll_finds_what_the_others_missed(harness: SyncHarness, customers: Lane) -> None:
    shown_late = harness.now + timedelta(hours=1)
    poll(harness, customers, hours=4)
    modify(harness)
    harness.moment.modified_at[CUSTOMER] = shown_late
    assert poll(harness, customers, minutes=5) == 0
    assert poll(harness, customers, hours=12) == 0  # it is not three o'clock yet
    assert poll(harness, customers, hours=2) == 1
    assert missed(harness) == 1
    assert harness.job(EntityType.CUSTOMER, CUSTOMER).state is JobState.DONE


def test_a_night_without_losses_rereads_nothing(harness: SyncHarness, customers: Lane) -> None:
    modify(harness)
    harness.sync(EntityType.CUSTOMER, CUSTOMER)
    poll(harness, customers, hours=12)
    harness.later(hours=7)
    nightly = poll_moment(harness.database, harness.moment, customers, now=harness.now)
    assert (nightly.nightly, nightly.received, nightly.missed) == (True, 0, 0)
    harness.later(hours=1)
    assert not poll_moment(harness.database, harness.moment, customers, now=harness.now).nightly


def test_no_night_reaches_back_before_the_first_poll(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, asked = harness.now, []

    def modified(_kind: EntityType, *, since: datetime) -> list[ModifiedRecord]:
        asked.append(since)
        return []

    monkeypatch.setattr(harness.moment, "modified", modified)
    lane = Lane(harness.connection.id, EntityType.INVOICE)
    poll(harness, lane)
    poll(harness, lane, hours=12)
    poll(harness, lane, hours=12)
    poll(harness, lane, hours=12)
    assert asked == [first - OVERLAP, first - OVERLAP, first - OVERLAP, first + timedelta(hours=24) - OVERLAP]
