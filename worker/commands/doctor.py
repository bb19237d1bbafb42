"""``python -m worker doctor``: what works at a connection, what does not, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sync.doctor import rehearsing
from sync.doctor.checkups.login import enter
from sync.doctor.findings import Finding, Verdict
from sync.doctor.rehearsals.traces import Traces
from worker import checks
from worker.commands.columns import aligned
from worker.commands.every import look_at_each, one_or_all
from worker.wiring import bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.connections import Connection

HEADINGS = ("", "tests", "what was found")
MARKS = {Verdict.GOOD: "ok", Verdict.BAD: "BAD", Verdict.UNKNOWN: "look", Verdict.NOT_NEEDED: "-"}


@click.command()
@click.argument("connection", metavar="[CONNECTION]", required=False)
@click.option(
    "--all", "everywhere", is_flag=True, help="Look at every connection that is started, a line for each"
)
@click.option("--write", is_flag=True, help="Also try out what only writing shows, in a client to test with")
@click.option("--yes", is_flag=True, help="With --write: do not ask first")
def doctor(connection: str | None, *, everywhere: bool, write: bool, yes: bool) -> None:
    """Look a connection over in both systems, without writing anything; fails where anything is bad.

    “look” is for a person, as no call tells it. The second column names the assumptions that a line tests. With
    --write, some records are made as well, after you have typed the name of the client: see docs/assumptions.md.
    """
    if yes and not write:
        raise click.UsageError("--yes is for --write.")
    if everywhere and write:
        raise click.UsageError("--write is for one connection.")
    one_or_all(connection, everywhere=everywhere)
    if not connection:
        look_at_each(_in_a_line)
        return
    _look_over(bridge().connections.named(connection), write=write, yes=yes)


def _look_over(found: Connection, *, write: bool, yes: bool) -> None:
    report = checks.examine(bridge(), found)
    click.echo(aligned([HEADINGS, *(row for finding in report.findings for row in _rows(finding))]))
    healthy = report.healthy
    if write:
        healthy = _rehearsed(found, yes=yes) and healthy
    if not healthy:
        raise SystemExit(1)


def _in_a_line(connection: Connection) -> tuple[bool, str]:
    report = checks.examine(bridge(), connection)
    if report.healthy:
        looks = sum(finding.verdict is Verdict.UNKNOWN for finding in report.findings)
        return True, f"{looks} for a person to look at"
    return False, " ".join(finding.what for finding in report.findings if finding.verdict is Verdict.BAD)


def _rehearsed(connection: Connection, *, yes: bool) -> bool:
    """Try out what only writing shows, if a person says so; tells whether nothing is wrong."""
    patient = checks.patient_of(bridge(), connection)
    client = enter(patient.erp).client
    click.echo(f"\nThis writes in {client} and in company {connection.settings.moment_company} of Moment:")
    for made in rehearsing.plan(patient):
        click.echo(f"  {made}")
    if not yes and click.prompt(f"To go on, type the name of the client ({client})", default="") != client:
        raise click.ClickException("Nothing was written.")
    traces = Traces(lambda what: click.echo(f"making {what}"))
    try:
        verdicts = [_told(finding) for finding in rehearsing.rehearse(patient, traces)]
    finally:
        click.echo("\n".join(["\nWhat is left:", *(f"  {each}" for each in traces.left or ["nothing"])]))
    return Verdict.BAD not in verdicts


def _told(finding: Finding) -> Verdict:
    """Print a finding at once, should what follows break off, and tell its verdict."""
    for mark, tests, what in _rows(finding):
        click.echo(f"{mark:4}  {tests:12}  {what}")
    return finding.verdict


def _rows(finding: Finding) -> Iterator[tuple[str, str, str]]:
    yield (MARKS[finding.verdict], finding.tests, finding.what)
    if finding.remedy:
        yield ("", "", f"-> {finding.remedy}")
