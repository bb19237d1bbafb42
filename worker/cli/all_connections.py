"""Checks of every connection: one line each, and one exit code for all."""

import time
from collections.abc import Callable, Mapping

import click
import structlog
from redis.exceptions import RedisError

from models.connections.repository import NOT_STARTED, Connection
from models.database import DatabaseUnavailableError
from sync.errors import SyncError
from worker import exit_codes
from worker.cli import UnreachableError
from worker.cli.tables import Table
from worker.container import get_container
from worker.handlers.onboarding import has_spare_requests

log = structlog.get_logger()

ConnectionCheck = Callable[[Connection], tuple[bool, str]]
"""Returns whether a connection is fine, with a short message. May raise a SyncError."""

RESULTS = Table(columns=dict.fromkeys(("connection", "status", "message")))

RETRY_SECONDS = 5
"""Time between two checks for spare requests."""


def require_one_or_all(connection: str | None, *, all_connections: bool) -> None:
    """Raise UsageError unless either a connection or ``--all`` was given."""
    if bool(connection) == all_connections:
        raise click.UsageError("Specify a connection or --all.")


def check_each(check: ConnectionCheck, output: str) -> None:
    """Check each started connection, once there are spare requests; exit with 1 if one has a problem."""
    connections = [each for each in get_container().connections.all() if each.paused_because != NOT_STARTED]
    results: list[Mapping[str, str]] = []
    for connection in connections:
        _wait_for_requests()
        is_good, message = _run_check(check, connection)
        if output == "table":
            click.echo(f"{'ok' if is_good else 'BAD':4}  {connection.name}: {message}")
        results.append({"connection": connection.name, "status": "good" if is_good else "bad", "message": message})
    bad = sum(each["status"] == "bad" for each in results)
    if output == "table":
        click.echo(f"Connections: {len(connections)}, with problems: {bad}.")
    else:
        RESULTS.print(results, output)
    if bad:
        raise SystemExit(exit_codes.FINDINGS)


def _run_check(check: ConnectionCheck, connection: Connection) -> tuple[bool, str]:
    try:
        return check(connection)
    except SyncError as error:
        return False, error.message
    except (DatabaseUnavailableError, RedisError):
        raise  # the other checks would fail too
    except Exception as error:
        log.exception("connection_check_crashed", connection=connection.id)
        return False, f"The integration itself failed ({type(error).__name__}); see the log."


def _wait_for_requests() -> None:
    is_announced = False
    while not has_spare_requests(get_container()):
        if get_container().budget.usage() is None:
            raise UnreachableError("Redis can't be reached.")
        if not is_announced:
            click.echo("Waiting for spare 24SevenOffice API quota.", err=True)
        is_announced = True
        time.sleep(RETRY_SECONDS)
