from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from click.testing import CliRunner

from models import cursors, inbox
from models.errands import Asked
from models.words import Kind, Lane, Record
from tests.installation import installed
from worker import dispatch, pulse
from worker.__main__ import main
from worker.wiring import clock

if TYPE_CHECKING:
    from models.connections import Connection
    from worker.wiring import Bridge


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_what_was_typed_and_has_no_answer_yet_moves_to_a_new_key_too(
    environ: dict[str, str], bridge: Bridge, connection: Connection
) -> None:
    typed = {"password": "new-password"}
    errand = bridge.errands.ask(Asked.CLIENTS, connection.id, typed=typed, who="test", now=clock())
    new = run("keys", "new").strip()
    with installed({**environ, "SECRET_KEYS": f"{new},{environ['SECRET_KEYS']}"}):
        run("keys", "rotate")
    with installed({**environ, "SECRET_KEYS": new}) as moved:
        kept = moved.errands.get(errand)
        assert kept
        assert kept.typed == typed


def test_a_restored_database_is_told_of_before_anything_works_on_it(
    bridge: Bridge, connection: Connection
) -> None:
    lane = Lane(connection.id, Kind.INVOICE)
    inbox.receive(bridge.database, connection.id, [Record(Kind.INVOICE, "9")], now=clock())
    dispatch.nudge([lane])
    pulse.beat(bridge.redis, every=10)
    assert "stop them first" in run("restored", code=1)
    assert "looked for first: 1." in run("restored", "--at-work")
    assert not bridge.redis.keys("nudged:*")
    run("restored", f"--connection={connection.name}", "--since=2026-11-20 03:00")
    assert cursors.position(bridge.database, lane) == datetime(2026, 11, 20, 2, tzinfo=UTC)
