import pickle
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from threading import Event

import pytest

from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection
from models.database import DatabaseUnavailableError
from models.enums import EntityType, JobState, Lane, Record
from models.inbox.due import states
from models.inbox.enqueue import enqueue
from tests.factories import NOW
from worker import beat, tasks
from worker.celery_app import app
from worker.clock import MEASURE_SECONDS, Clock
from worker.container import Container, clock

MINUTES = timedelta(minutes=4)


class Host:
    """A host whose clock is ahead of PostgreSQL's, and a process on it with monotonic seconds."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead, self.passed, self.is_cut_off = ahead, 0.0, False
        self.clock = Clock(self.server_time, wall=lambda: self.true() + self.ahead, monotonic=lambda: self.passed)

    def true(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def server_time(self) -> datetime:
        if self.is_cut_off:
            raise DatabaseUnavailableError("The database can't be reached.")
        return self.true()


@pytest.mark.parametrize("ahead", [timedelta(), MINUTES, -MINUTES])
def test_hosts_whose_own_clocks_differ_agree_on_the_instant(ahead: timedelta) -> None:
    host = Host(ahead)
    assert host.clock() == NOW
    host.passed += 30
    assert host.clock() == host.true()
    assert host.clock.is_off == bool(ahead)


def test_a_clock_set_between_measurements_changes_nothing_until_the_next_one() -> None:
    host = Host(timedelta())
    host.clock()
    host.ahead = MINUTES
    host.passed += MEASURE_SECONDS - 1
    assert host.clock() == host.true()
    assert not host.clock.is_off
    host.passed += 1
    assert host.clock() == host.true()
    assert host.clock.skew == MINUTES


def test_threads_wait_for_the_first_measurement_of_the_clock() -> None:
    host, asked, answered = Host(MINUTES), Event(), Event()

    def server_time() -> datetime:
        asked.set()
        answered.wait(10)
        return host.true()

    clock = Clock(server_time, wall=lambda: host.true() + MINUTES, monotonic=lambda: host.passed)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(clock)
        asked.wait(10)
        second = pool.submit(lambda: (clock.is_off, clock()))
        wait([second], timeout=0.2)
        answered.set()
        assert first.result() == NOW
        assert second.result() == (True, NOW)


def test_a_clock_counts_as_wrong_until_postgresql_answers() -> None:
    host = Host(MINUTES)
    host.is_cut_off = True
    assert host.clock.is_off
    assert host.clock.skew is None
    with pytest.raises(DatabaseUnavailableError):
        host.clock.measured()
    host.is_cut_off, host.ahead = False, timedelta()
    assert host.clock.measured() == host.true()
    assert not host.clock.is_off


@pytest.mark.parametrize("ahead", [timedelta(), MINUTES])
def test_the_fastest_answer_counts_corrected_by_half_its_duration(ahead: timedelta) -> None:
    host, ways = Host(ahead), iter([(0, 4), (0.5, 0.5), (3, 0)])

    def server_time() -> datetime:
        there, back = next(ways)
        host.passed += there
        output = host.true()
        host.passed += back
        return output

    clock = Clock(server_time, wall=lambda: host.true() + ahead, monotonic=lambda: host.passed)
    assert clock() == host.true()
    assert clock.skew == ahead


def test_the_clock_continues_while_postgresql_is_down() -> None:
    host = Host(MINUTES)
    host.clock()
    host.is_cut_off = True
    host.passed += 10 * MEASURE_SECONDS
    assert host.clock() == host.true()
    assert host.clock.is_off


def test_a_host_whose_clock_is_off_drains_no_lane_and_is_reported_once(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, "62788973")], now=clock())
    off = Clock(container.database.server_time, wall=lambda: clock() + MINUTES, monotonic=lambda: 0)
    monkeypatch.setattr(container, "shared_clock", off)
    for _ in range(2):
        tasks.sync_customers(connection.id)
    lane = Lane(connection.id, EntityType.CUSTOMER)
    assert states(container.database, lane, ["62788973"]) == {"62788973": JobState.QUEUED}
    alerts = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert [each.type for each in alerts] == [AlertType.CLOCK]


def test_a_worker_that_has_not_measured_its_clock_yet_drains_no_lane(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, "62788973")], now=clock())
    host = Host(timedelta())
    host.is_cut_off = True
    monkeypatch.setattr(container, "shared_clock", host.clock)
    tasks.sync_customers(connection.id)
    lane = Lane(connection.id, EntityType.CUSTOMER)
    assert states(container.database, lane, ["62788973"]) == {"62788973": JobState.QUEUED}
    assert alert_outbox.pending_alerts(container.database, "books@example.com") == []


def test_times_that_hosts_compare_use_postgresqls_clock(container: Container, connection: Connection) -> None:
    assert abs(container.clock() - container.database.server_time()) < timedelta(seconds=1)
    assert container.runner.clock is container.clock
    assert container.open_context(connection, lambda: None).clock is container.clock


def test_beat_uses_postgresqls_clock_too(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule that beat reads from its file uses that clock, too."""
    monkeypatch.setattr(container, "shared_clock", lambda: NOW)
    monkeypatch.setattr(beat, "_shared_clock", lambda: lambda: NOW)
    assert (app.now(), beat.app.now()) == (NOW, NOW)
    timetable = pickle.loads(pickle.dumps(beat.app.conf.beat_schedule))  # noqa: S301 - as beat's own file
    assert {each["schedule"].now() for each in timetable.values()} == {NOW}
