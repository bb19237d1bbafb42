"""Two real workers on hosts whose clocks are 217 seconds apart."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from models.connections.repository import Connection
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import cursors
from models.inbox.due import states
from models.inbox.enqueue import enqueue
from tests.chaos.clocks import HostClock
from tests.installation import eventually, process
from tests.sandbox.serving import Systems
from tests.worker.test_worker import ALONE, CUSTOMER, await_line, calls
from worker import dispatch, heartbeat
from worker.celery_app import app
from worker.container import Container, clock
from worker.schedule import beat_schedule


@pytest.mark.kills
@pytest.mark.parametrize("seconds", [217, -217])
def test_a_host_217_seconds_off_syncs_nothing_and_loses_nothing(
    container: Container,
    connection: Connection,
    environ: Mapping[str, str],
    fresh_systems: Systems,
    tmp_path: Path,
    seconds: float,
) -> None:
    """While it is the only worker, it polls, sweeps and mails that its clock is wrong, but syncs nothing.

    With another worker beside it, a customer is created once.
    """
    lane = Lane(connection.id, EntityType.CUSTOMER)
    slow = {"operation": "SaveCompanies", "kind": "slow", "seconds": 3}
    fresh_systems.control("twentyfour", "POST", "faults", slow)
    HostClock(tmp_path, "here").set(seconds)
    environ = {**environ, "LEASE_SECONDS": "5", "CLOCK_FOLDER": str(tmp_path)}
    enqueue(container.database, connection.id, [Record(lane.entity_type, CUSTOMER)], now=clock())
    with process("celery", "-A", "tests.worker.skewed_worker", "worker", *ALONE, environ=environ) as wrong:
        await_line(wrong, "ready.")
        dispatch.dispatch_lanes([lane])
        dispatch.dispatch_polls("poll_moment", {connection.id: timedelta(minutes=5)})
        position = eventually(lambda: cursors.position(container.database, lane))
        assert position
        assert position <= container.database.server_time()
        eventually(as_beat("dispatch_due", container, lambda: heartbeat.is_alive(container.redis)))
        eventually(as_beat("send_alerts", container, lambda: mailed(fresh_systems)))
        assert "4 minutes off" in mailed(fresh_systems)
        assert states(container.database, lane, [CUSTOMER]) == {CUSTOMER: JobState.QUEUED}
        with process("celery", "-A", "worker.celery_app", "worker", *ALONE, environ=environ):
            eventually(as_beat("dispatch_due", container, lambda: is_done(container, lane)))
    assert calls(fresh_systems)["SaveCompanies"] == 1


def as_beat(task: str, container: Container, look: Callable[[], object]) -> Callable[[], object]:
    """Repeat a check, and send a task as beat does before each one."""
    expires = beat_schedule(container.settings, now=clock)[task]["options"]["expires"]

    def send_and_look() -> object:
        app.send_task(task, expires=expires)
        return look()

    return send_and_look


def mailed(fresh_systems: Systems) -> str:
    return "".join(mail["text"] for mail in fresh_systems.control("mail", "GET", "mails"))


def is_done(container: Container, lane: Lane) -> bool:
    return states(container.database, lane, [CUSTOMER]) == {CUSTOMER: JobState.DONE}
