"""``moment24 jobs``: lists jobs and the reasons they need attention, and lets a person act on them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from i18n.messages import code_of
from models.admin import job_actions, job_details, job_list, match_questions, notes
from models.admin.job_actions import RESOLVED_MANUALLY, SKIPPED_PERMANENTLY
from models.admin.job_details import AttemptView
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.admin.relink import relink as relink_record
from models.connections.repository import Connection
from models.enums import PENDING, JobState
from models.inbox import questions
from models.inbox.links import LinkTakenError
from models.inbox.questions import Candidate
from sync.rules.match_comparison import Comparison, compare
from sync.rules.record_numbers import is_int32
from worker import dispatch
from worker.cli import ACTOR, Command, ConnectionName, examples
from worker.cli.tables import SHEETS, Instant, Table, format_instant, output_option, to_json
from worker.container import get_container

JOBS = Table(
    columns={
        "id": "id",
        "connection": "connection",
        "title": "record",
        "entity_type": None,
        "record_id": None,
        "state": "state",
        "due_at": "due",
        "received_at": None,
        "completed_at": "completed",
        "updated_at": None,
        "outcome": "outcome",
        "error_code": "error code",
        "dismissal_reason": "dismissed because",
        "message": "message",
        "remedy": None,
        "warnings": "warnings",
        "warning_codes": None,
    }
)
ATTEMPTS = Table(
    columns={
        "at": "at",
        "outcome": "outcome",
        "error_code": "error code",
        "message": "message",
        "warnings": None,
        "warning_codes": None,
    },
    empty="No attempts yet.",
)
CANDIDATES = Table(
    columns={
        "system": "system",
        "number": "number",
        "name": "name",
        "organization_number": "organization number",
        "customer_number": "customer",
        "email": "email",
        "address": "address",
        "note": "caveat",
        "differs": "differs in",
    }
)
NOTES = Table(columns={"at": "at", "actor": "who", "text": "note"})
UNFINISHED = (JobState.NEEDS_ATTENTION, *PENDING)


@click.group()
def jobs() -> None:
    """List and manage records and their sync status."""


@jobs.command("list", epilog=examples("moment24 jobs list --state needs_attention --output json"))
@click.option("--connection", type=ConnectionName(), help="Only jobs of this connection")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState]),
    help=f"Repeatable  [default: {', '.join(UNFINISHED)}; all with --with-warning or --updated-since]",
)
@click.option("--with-warning", is_flag=True, help="Only jobs with a warning")
@click.option("--updated-since", type=Instant(), help="Only jobs changed since, such as 2026-11-30T12:00Z")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Maximum per state")
@output_option
def list_(
    connection: Connection | None,
    states: Sequence[str],
    *,
    with_warning: bool,
    updated_since: datetime | None,
    limit: int,
    output: str,
) -> None:
    """List unfinished jobs, those that need attention first.

    With --with-warning or --updated-since, jobs in any state.
    """
    rows: list[Mapping[str, Any]] = []
    for state in states or (JobState if with_warning or updated_since else UNFINISHED):
        only = JobFilter(
            connection_id=connection.id if connection else None,
            states=frozenset({JobState(state)}),
            with_warning=with_warning,
            updated_since=updated_since,
        )
        rows += map(_row, job_list.latest(get_container().database, only, limit=limit))
    JOBS.print(rows, output)


@jobs.command()
@click.argument("job_id", type=int)
@click.option("--calls", is_flag=True, help="Also show the calls of each attempt")
@output_option
def show(job_id: int, *, calls: bool, output: str) -> None:
    """Show one job with all its attempts. CSV contains the attempts only."""
    view, database = _get_job(job_id), get_container().database
    attempts = job_details.attempts(database, job_id)
    own, candidates = _open_question(job_id)
    attempt_rows = [_row_values(each, ATTEMPTS) for each in attempts]
    note_rows = list(map(asdict, notes.of_job(database, job_id)))
    if output == "json":
        listed = ATTEMPTS.records(attempt_rows)
        for row, attempt in zip(listed, attempts if calls else (), strict=False):
            row["calls"] = list(attempt.calls)
        (job,) = JOBS.records([_row(view)])
        click.echo(
            to_json(
                {
                    **job,
                    "moment_record": next(iter(CANDIDATES.records(own)), None),
                    "candidates": CANDIDATES.records(candidates),
                    "notes": NOTES.records(note_rows),
                    "attempts": listed,
                }
            )
        )
    elif output in SHEETS:
        ATTEMPTS.print(attempt_rows, output)
    else:
        _print_job(view, [*own, *candidates], attempt_rows, note_rows)
        for attempt in attempts if calls else ():
            click.echo(f"\n{format_instant(attempt.at)}")
            for call in attempt.calls:
                click.echo(f"  {call['operation']}\n    {call['request']}\n    {call['response']}")


def _open_question(job_id: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the Moment record of a job's open question, if known, and its candidates in 24SevenOffice."""
    question = match_questions.open_question(get_container().database, job_id)
    if question is None:
        return [], []
    own = question.moment_record

    def differs(candidate: Candidate) -> list[str]:
        return [name for name, found in compare(own, candidate).items() if found is not Comparison.SAME]

    return (
        [{**asdict(own), "system": "Moment", "differs": []}] if own else [],
        [{**asdict(each), "system": "24SevenOffice", "differs": differs(each)} for each in question.candidates],
    )


def _print_job(
    view: JobView,
    candidates: Sequence[Mapping[str, Any]],
    attempt_rows: Sequence[Mapping[str, Any]],
    note_rows: Sequence[Mapping[str, Any]],
) -> None:
    click.echo(f"{view.title} of {view.connection} ({view.record.entity_type} {view.record.id}): {view.state}")
    click.echo("\n".join(filter(None, (view.dismissal_reason, view.message, view.remedy, *view.warnings))))
    if candidates:
        CANDIDATES.print(candidates, "table")
    if note_rows:
        NOTES.print(note_rows, "table")
    ATTEMPTS.print(attempt_rows, "table")


def job_selection(command: Command) -> Command:
    """Give a command the options that select jobs: by number, or all of a connection or error code."""
    command = click.option("--error-code", default="", help="All jobs that need attention with this error code")(
        command
    )
    of_connection = "All jobs of this connection that need attention"
    command = click.option("--connection", type=ConnectionName(), help=of_connection)(command)
    return click.argument("job_ids", nargs=-1, type=int)(command)


@jobs.command()
@job_selection
def retry(job_ids: Sequence[int], connection: Connection | None, error_code: str) -> None:
    """Retry jobs now: by number, or all of a connection, an error code or both."""
    container, job_filter = get_container(), _job_filter(job_ids, connection, error_code)
    result = job_actions.retry(container.database, job_filter, actor=ACTOR, now=container.clock())
    dispatch.dispatch_lanes(result.lanes)
    click.echo(f"Retrying: {result.count}.")


@jobs.command()
@job_selection
@click.option(
    "--because",
    default=str(RESOLVED_MANUALLY),
    show_default=True,
    help=f"The reason to record, or “{SKIPPED_PERMANENTLY}”",
)
def dismiss(job_ids: Sequence[int], connection: Connection | None, error_code: str, because: str) -> None:
    """Dismiss jobs permanently, selected as for retry: they are not synced, even if they change."""
    reason = next((known for known in (RESOLVED_MANUALLY, SKIPPED_PERMANENTLY) if known == because), because)
    container, job_filter = get_container(), _job_filter(job_ids, connection, error_code)
    result = job_actions.dismiss(
        container.database,
        job_filter,
        because=reason,
        resolved=reason != SKIPPED_PERMANENTLY,
        actor=ACTOR,
        now=container.clock(),
    )
    click.echo(f"Dismissed: {result.count}.")


@jobs.command()
@click.argument("job_id", type=int)
@click.argument("number", required=False, default="")
@click.option("--new", is_flag=True, help="None of these; create a new one")
@click.option("--undo", is_flag=True, help="Undo the choice and open the question again")
def choose(job_id: int, number: str, *, new: bool, undo: bool) -> None:
    """Match a customer or project in 24SevenOffice, by a number from `jobs show`.

    With --undo, what was saved or posted in 24SevenOffice stays.
    """
    if [bool(number), new, undo].count(True) != 1:
        raise click.UsageError("Specify a number, --new or --undo.")
    job, container = _get_job(job_id), get_container()
    if undo:
        if not match_questions.undo(container.database, job_id, actor=ACTOR, now=container.clock()).count:
            raise click.ClickException(f"Job {job_id} has no choice to undo, or is in progress.")
        click.echo(f"{job.title}: {match_questions.UNDONE}")
        return
    choice = questions.CREATE_NEW if new else number
    result = match_questions.answer(container.database, job_id, choice, actor=ACTOR, now=container.clock())
    if not result.count:
        raise click.ClickException(f"Job {job_id} does not offer that: see `jobs show {job_id}`.")
    dispatch.dispatch_lanes(result.lanes)
    click.echo(f"{job.title}: {match_questions.answer_text(job.record.entity_type, choice)}.")


@jobs.command()
@click.argument("job_id", type=int)
@click.argument("number", required=False, default="")
def relink(job_id: int, number: str) -> None:
    """Unlink a customer or project and match it again, or with the customer NUMBER.

    For a record that was merged, deleted or wrongly linked. Posted vouchers stay as they are.
    """
    job, container = _get_job(job_id), get_container()
    if number and not is_int32(number):
        raise click.UsageError(f"{number} isn't a customer number.")
    try:
        result = relink_record(container.database, job_id, number, actor=ACTOR, now=container.clock())
    except LinkTakenError as error:
        raise click.ClickException(f"Customer {number} is linked to {error}: relink that one first.") from error
    if not result.count:
        raise click.ClickException(
            "Only a customer, or a project without NUMBER, can be relinked, and not while it is in progress."
        )
    dispatch.dispatch_lanes(result.lanes)
    click.echo(f"{job.title}: relinked to {number}." if number else f"{job.title}: being matched again.")


@jobs.command()
@click.argument("job_id", type=int)
@click.argument("text")
def note(job_id: int, text: str) -> None:
    """Add a note to a record. Its page and `jobs show` display it."""
    job, container = _get_job(job_id), get_container()
    notes.add(container.database, job_id, text, actor=ACTOR, now=container.clock())
    click.echo(f"{job.title}: note added.")


def _job_filter(job_ids: Sequence[int], connection: Connection | None, error_code: str) -> JobFilter:
    if bool(job_ids) == bool(connection or error_code):
        raise click.UsageError("Specify either job numbers, or a connection or an error code.")
    if job_ids:
        return JobFilter(ids=frozenset(_get_job(job_id).id for job_id in job_ids))
    return JobFilter(
        connection_id=connection.id if connection else None,
        error_code=error_code,
        states=frozenset({JobState.NEEDS_ATTENTION}),
    )


def _get_job(job_id: int) -> JobView:
    view = job_details.find(get_container().database, job_id)
    if view is None:
        raise click.ClickException(f"There is no job {job_id}.")
    return view


def _row(view: JobView) -> Mapping[str, Any]:
    record = {"entity_type": view.record.entity_type, "record_id": view.record.id}
    return _row_values(view, JOBS, **record)


def _row_values(view: JobView | AttemptView, table: Table, **known_values: object) -> dict[str, Any]:
    known_values["warning_codes"] = list(map(code_of, view.warnings))
    return known_values | {name: getattr(view, name) for name in table.columns if name not in known_values}
