"""``python -m worker connections adopt``: going live on books that have customers and projects already."""

from collections import Counter
from collections.abc import Mapping

import click

from models.enums import Lane
from sync.onboarding.initial_matching import MatchStatus, PlannedRecord, apply, plan
from worker import dispatch
from worker.cli.tables import aligned
from worker.container import get_container

HEADINGS = ("", "in Moment", "in 24SevenOffice", "what")
STATUS_LABELS: Mapping[MatchStatus, str] = {
    MatchStatus.LINKED: "linked already",
    MatchStatus.CERTAIN: "is the same",
    MatchStatus.UNCLEAR: "to be asked",
    MatchStatus.NEW: "new",
    MatchStatus.INVALID: "cannot come across",
}


@click.command("match")
@click.argument("connection", metavar="CONNECTION")
@click.option("--dry-run", is_flag=True, help="Only tell what would be linked, created and asked")
@click.option("--create", is_flag=True, help="Also bring what is new across at once, not when it changes next")
def match_(connection: str, *, dry_run: bool, create: bool) -> None:
    """Find the customers and projects of Moment that 24SevenOffice has already, and link those that are certain.

    What is not certain is asked: see changes list and changes choose. It may be run again at any time.
    """
    named = get_container().connections.get_by_name(connection)
    context = get_container().open_context(named, renew_lease=_refuse)
    planned = plan(context)
    if not dry_run:
        planned = apply(context, planned, create=create)
        dispatch.dispatch_lanes({Lane(named.id, each.record.entity_type) for each in planned})
    click.echo(aligned([HEADINGS, *map(_row, planned)]))
    counts = Counter(each.status for each in planned)
    click.echo(", ".join(f"{STATUS_LABELS[fate]}: {counts[fate]}" for fate in MatchStatus))
    if counts[MatchStatus.NEW] and not create:
        click.echo("What is new comes across when it changes next in Moment or is needed; at once with --create.")


def _refuse() -> None:
    raise PermissionError("Finding out what is there writes nothing to either system.")


def _row(each: PlannedRecord) -> tuple[str, ...]:
    return (
        each.record.entity_type,
        each.title,
        each.number,
        ": ".join(filter(None, (STATUS_LABELS[each.status], each.note))),
    )
