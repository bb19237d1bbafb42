"""PostgreSQL and Python apply the same table of transitions in the same way."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, insert, select, update

from models.connections.repository import Connection
from models.database import Database
from models.enums import PENDING, EntityType, JobState, Record
from models.inbox.job_updates import changed_values, concerns
from models.inbox.transitions import TABLE, JobEvent, JobSnapshot, Occurrence, apply
from models.schema.tables import SyncJobRow
from tests.factories import NOW
from tests.models.inbox import transition_table

CUSTOMER, PROJECT = Record(EntityType.CUSTOMER, "1"), Record(EntityType.PROJECT, "2")


def snapshots() -> Iterator[JobSnapshot]:
    """Return every state with every mark; due never, before and after now; tried never, just now and long ago."""
    times = (None, NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    tried = (None, NOW - timedelta(seconds=10), NOW - timedelta(hours=1))
    marks = (False, True)
    for state, due_at, at, unknown, alerted, dependency in product(
        JobState, times, tried, marks, marks, (None, CUSTOMER)
    ):
        yield JobSnapshot(
            state=state,
            due_at=due_at,
            failed_attempts=3,
            worker_crashes=1,
            outcome_unknown=unknown,
            dependency=dependency,
            alerted=alerted,
            attempted_at=at,
            unfinished_since=NOW - timedelta(days=2) if state in PENDING else None,
        )


SNAPSHOTS = tuple(snapshots())
COLUMNS = set(changed_values(JobEvent.RETRIED, now=NOW)) - {"updated_at"}  # other tables have one too
ROOT = Path(__file__).parents[3]
WRITERS = [ROOT / "models" / "inbox" / f"{name}.py" for name in ("transitions", "job_updates")]


def row(number: int, snapshot: JobSnapshot, connection_id: int) -> dict[str, Any]:
    dependency = snapshot.dependency
    assert dependency is None or isinstance(dependency, Record)
    return {
        "connection_id": connection_id,
        "entity_type": EntityType.INVOICE,
        "record_id": str(number),
        "received_at": NOW,
        "state": snapshot.state,
        "due_at": snapshot.due_at,
        "failed_attempts": snapshot.failed_attempts,
        "worker_crashes": snapshot.worker_crashes,
        "outcome_unknown": snapshot.outcome_unknown,
        "dependency_type": dependency and dependency.entity_type,
        "dependency_id": dependency and dependency.id,
        "alerted": snapshot.alerted,
        "completed_at": snapshot.attempted_at,
        "unfinished_since": snapshot.unfinished_since,
    }


def read(row: Row[Any]) -> JobSnapshot:
    dependency = Record(EntityType(row.dependency_type), row.dependency_id or "") if row.dependency_type else None
    return JobSnapshot(
        state=JobState(row.state),
        due_at=row.due_at,
        failed_attempts=row.failed_attempts,
        worker_crashes=row.worker_crashes,
        outcome_unknown=row.outcome_unknown,
        dependency=dependency,
        alerted=row.alerted,
        attempted_at=row.completed_at,
        unfinished_since=row.unfinished_since,
    )


def test_sql_and_python_apply_every_transition_alike(database: Database, connection: Connection) -> None:
    given = ((None, False), (NOW + timedelta(minutes=7), True))  # no column depends on both
    columns = [getattr(SyncJobRow, name) for name in ("record_id", "completed_at", "updated_at", *COLUMNS)]
    with database.transaction() as session:
        session.execute(
            insert(SyncJobRow),
            [row(number, snapshot, connection.id) for number, snapshot in enumerate(SNAPSHOTS)],
        )
        for event, (due_at, unknown) in product(JobEvent, given):
            what = Occurrence(event=event, now=NOW, due_at=due_at, outcome_unknown=unknown, dependency=PROJECT)
            become = changed_values(event, now=NOW, due_at=due_at, outcome_unknown=unknown, dependency=PROJECT)
            with session.begin_nested() as once:
                session.execute(update(SyncJobRow).where(concerns(event)).values(**become))
                found = session.execute(select(*columns)).all()
                once.rollback()
            noted = {SNAPSHOTS[int(each.record_id)].state for each in found if each.updated_at == NOW}
            assert noted == set(TABLE[event]), event
            played = {int(each.record_id): read(each) for each in found}
            assert played == {number: apply(snapshot, what) for number, snapshot in enumerate(SNAPSHOTS)}, event


def test_nothing_else_writes_the_columns_that_the_table_decides() -> None:
    sources = list((ROOT / "models").rglob("*.py"))  # no other package may import SQLAlchemy
    elsewhere = {"versions", "receivers"}  # deliveries of events have a state of their own, in their own table
    others = [path for path in sources if path not in WRITERS and elsewhere.isdisjoint(path.parts)]
    assert len(others) > 40
    assert [(path.name, found) for path in others for found in writes(path.read_text())] == []


def test_receivers_name_no_job_whose_state_they_could_write() -> None:
    sources = list((ROOT / "models" / "receivers").glob("*.py"))
    assert len(sources) > 3
    named = re.compile(r"SyncJobRow|sync_jobs")
    assert [(path.name, found) for path in sources for found in named.findall(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "row.due_at = now",
        "row.alerted, row.title = True, title",
        "row.failed_attempts += 1",
        "update(SyncJobRow).values(state=JobState.DONE)",
        "update_by(event, now=now, worker_crashes=0)",
        "SyncJobRow(outcome_unknown=True)",
        "again = {'dependency_id': None}",
        "again = {**more, SyncJobRow.state: 1}",
        "setattr(row, 'dependency_type', None)",
    ],
)
def test_every_way_to_write_these_columns_is_detected(source: str) -> None:
    assert len(list(writes(source))) == 1


def test_the_architecture_page_shows_the_current_table() -> None:
    assert transition_table.on_page() == transition_table.render()


def writes(source: str) -> Iterator[str]:
    """Return where a column that the table decides is written: by assignment, keyword or in a dictionary."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                names = [name]
            case ast.Call() if "CursorRow" in ast.unparse(node.func):
                continue  # polls have alerts of their own
            case ast.Call(func=ast.Attribute(attr="values") | ast.Name(id="SyncJobRow" | "update_by")):
                names = [each.arg for each in node.keywords if each.arg]
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=str(name)), _]):
                names = [name]
            case ast.Dict():
                names = [named for key in node.keys if (named := column(key))]
            case _:
                continue
        yield from (f"line {node.lineno}: {name}" for name in names if name in COLUMNS)


def column(key: ast.expr | None) -> str:
    match key:
        case ast.Constant(value=str(name)):
            return name
        case ast.Attribute(value=ast.Name(id="SyncJobRow"), attr=name):
            return name
    return ""
