from datetime import UTC, datetime

import pytest

import worker.cli.restore
from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox import cursors
from models.inbox.enqueue import enqueue
from tests.installation import installed
from tests.worker.cli.command_runner import run, run_refused
from worker import dispatch, heartbeat
from worker.alive import SWEEP_KEY
from worker.container import Container, clock


def test_the_input_of_an_unanswered_operation_moves_to_a_new_key_too(
    environ: dict[str, str], container: Container, connection: Connection
) -> None:
    typed = {"password": "new-password"}
    errand = container.operations.request(
        OperationType.CLIENTS, connection.id, input_=typed, actor="test", now=clock()
    )
    new = run("keys", "new").strip()
    with installed({**environ, "SECRET_KEYS": f"{new},{environ['SECRET_KEYS']}"}):
        run("keys", "rotate")
    with installed({**environ, "SECRET_KEYS": new}) as moved:
        books = moved.operations.get(errand)
        assert books
        assert books.input == typed


def test_restore_waits_until_it_is_known_that_the_workers_have_stopped(container: Container) -> None:
    container.redis.set(SWEEP_KEY, "", ex=2)  # the last sign of life before they stopped
    assert "to be verified first" in run("restore")


def test_restore_prepares_a_database_before_workers_use_it(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.cli.restore, "STOPPED_WITHIN_SECONDS", 0)
    lane = Lane(connection.id, EntityType.INVOICE)
    enqueue(container.database, connection.id, [Record(EntityType.INVOICE, "9")], now=clock())
    dispatch.dispatch_lanes([lane])
    heartbeat.record(container.redis, every=10)
    assert "stop them first" in run_refused("restore")
    assert "verified first: 1." in run("restore", "--at-work")
    assert not container.redis.keys("dispatched:*")
    run("restore", f"--connection={connection.name}", "--since=2026-11-20 03:00")
    assert cursors.position(container.database, lane) == datetime(2026, 11, 20, 2, tzinfo=UTC)
