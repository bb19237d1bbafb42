"""``python -m worker doctor``: what works at a connection, what does not, and what to do."""

from __future__ import annotations

import click

from sync.findings import Finding, Verdict
from worker import checks
from worker.commands.columns import aligned
from worker.wiring import bridge

HEADINGS = ("", "tests", "what was found")
MARKS = {Verdict.GOOD: "ok", Verdict.BAD: "BAD", Verdict.UNKNOWN: "look", Verdict.NOT_NEEDED: "-"}


@click.command()
@click.argument("connection", metavar="CONNECTION")
def doctor(connection: str) -> None:
    """Look a connection over in both systems, without writing anything; fails where anything is bad.

    “look” is for a person, as no call tells it. The second column names the assumptions that a line tests.
    """
    report = checks.examine(bridge(), bridge().connections.named(connection))
    click.echo(aligned([HEADINGS, *(row for finding in report.findings for row in _rows(finding))]))
    if not report.healthy:
        raise SystemExit(1)


def _rows(finding: Finding) -> list[tuple[str, ...]]:
    remedy = [("", "", f"-> {finding.remedy}")] if finding.remedy else []
    return [(MARKS[finding.verdict], finding.tests, finding.what), *remedy]
