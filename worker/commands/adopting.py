"""``python -m worker connections adopt``: going live on books that have customers and projects already."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from models.words import Lane
from sync.adopting import Fate, adopt, survey
from worker import dispatch
from worker.commands.columns import aligned
from worker.wiring import bridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync.adopting import Prospect

HEADINGS = ("", "in Moment", "in 24SevenOffice", "what")
WORDS: Mapping[Fate, str] = {
    Fate.LINKED: "linked already",
    Fate.CERTAIN: "is the same",
    Fate.UNCLEAR: "to be asked",
    Fate.NEW: "new",
    Fate.WRONG: "cannot come across",
}


@click.command("adopt")
@click.argument("connection", metavar="CONNECTION")
@click.option("--dry-run", is_flag=True, help="Only tell what would be linked, created and asked")
@click.option("--create", is_flag=True, help="Also bring what is new across at once, not when it changes next")
def adopt_(connection: str, *, dry_run: bool, create: bool) -> None:
    """Find the customers and projects of Moment that 24SevenOffice has already, and link those that are certain.

    What is not certain is asked: see changes list and changes choose. It may be run again at any time.
    """
    named = bridge().connections.named(connection)
    desk = bridge().open_desk(named, hold=_refuse)
    prospects = survey(desk)
    if not dry_run:
        prospects = adopt(desk, prospects, create=create)
        dispatch.nudge({Lane(named.id, each.record.kind) for each in prospects})
    click.echo(aligned([HEADINGS, *map(_row, prospects)]))
    counts = Counter(each.fate for each in prospects)
    click.echo(", ".join(f"{WORDS[fate]}: {counts[fate]}" for fate in Fate))
    if counts[Fate.NEW] and not create:
        click.echo("What is new comes across when it changes next in Moment or is needed; at once with --create.")


def _refuse() -> None:
    raise PermissionError("Finding out what is there writes nothing to either system.")


def _row(each: Prospect) -> tuple[str, ...]:
    return (each.record.kind, each.title, each.number, ": ".join(filter(None, (WORDS[each.fate], each.note))))
