"""``moment24 doctor``: what works on a connection, what does not, and what to do about it."""

from collections.abc import Iterator

import click

from models.connections.repository import Connection
from sync.diagnostics import run_write_tests
from sync.diagnostics.checks.login import log_in
from sync.diagnostics.findings import CheckStatus, Finding
from sync.diagnostics.write_tests.artifacts import WriteTestArtifacts
from worker import exit_codes
from worker.cli import examples
from worker.cli.all_connections import check_each, require_one_or_all
from worker.cli.tables import Table, aligned, output_option
from worker.container import get_container
from worker.handlers import diagnostics

HEADINGS = ("", "tests", "what was found")
STATUS_LABELS = {
    CheckStatus.GOOD: "ok",
    CheckStatus.BAD: "BAD",
    CheckStatus.UNKNOWN: "warn",
    CheckStatus.NOT_NEEDED: "-",
}

FINDINGS = Table(columns=dict.fromkeys(("status", "check", "error_code", "tests", "message", "remedy", "setting")))


@click.command(epilog=examples("moment24 doctor 'Our company'", "moment24 doctor --all --output json"))
@click.argument("connection", metavar="[CONNECTION]", required=False)
@click.option("--all", "all_connections", is_flag=True, help="Check every started connection, one line each")
@click.option("--write", is_flag=True, help="Also run tests that write, in a test client")
@click.option("--yes", is_flag=True, help="With --write: do not ask for confirmation")
@output_option
def doctor(connection: str | None, *, all_connections: bool, write: bool, yes: bool, output: str) -> None:
    """Test a connection in both systems without writing anything; exits with 1 on errors.

    Check lines marked “warn” yourself: no call can verify them. The second column names the assumptions that a
    line tests. With --write, it also creates some records, after you have typed the client's name: see
    docs/assumptions.md.
    """
    if yes and not write:
        raise click.UsageError("--yes requires --write.")
    if all_connections and write:
        raise click.UsageError("--write can't be used with --all.")
    if write and output != "table":
        raise click.UsageError("--output can't be used with --write.")
    require_one_or_all(connection, all_connections=all_connections)
    if not connection:
        check_each(_summary, output)
        return
    found = get_container().connections.get_by_name(connection)
    report = diagnostics.run_diagnostics(get_container(), found)
    if output == "table":
        click.echo(aligned([HEADINGS, *(row for finding in report.findings for row in _rows(finding))]))
    else:
        FINDINGS.print(({key: getattr(each, key) for key in FINDINGS.columns} for each in report.findings), output)
    healthy = report.healthy
    if write:
        healthy = _run_write_tests(found, yes=yes) and healthy
    if not healthy:
        raise SystemExit(exit_codes.FINDINGS)


def _summary(connection: Connection) -> tuple[bool, str]:
    report = diagnostics.run_diagnostics(get_container(), connection)
    if report.healthy:
        warnings = sum(finding.status is CheckStatus.UNKNOWN for finding in report.findings)
        return True, f"warnings: {warnings}"
    return False, " ".join(finding.message for finding in report.findings if finding.status is CheckStatus.BAD)


def _run_write_tests(connection: Connection, *, yes: bool) -> bool:
    """Run the write tests if the user confirms; return whether none failed."""
    target = diagnostics.target_of(get_container(), connection)
    client = log_in(target.erp).client
    click.echo(f"\nThis writes in {client} and in company {connection.settings.moment_company} of Moment:")
    for planned in run_write_tests.plan(target):
        click.echo(f"  {planned}")
    if not yes and click.prompt(f"To continue, type the name of the client ({client})", default="") != client:
        raise click.ClickException("Nothing was written.")
    artifacts = WriteTestArtifacts(lambda record: click.echo(f"Creating {record}"))
    try:
        statuses = [_print_finding(finding) for finding in run_write_tests.run_write_tests(target, artifacts)]
    finally:
        click.echo("\n".join(["\nWhat is left:", *(f"  {each}" for each in artifacts.remaining or ["nothing"])]))
    return CheckStatus.BAD not in statuses


def _print_finding(finding: Finding) -> CheckStatus:
    """Print a finding before the next test starts, as that may fail; return its status."""
    for label, tests, text in _rows(finding):
        click.echo(f"{label:4}  {tests:12}  {text}")
    return finding.status


def _rows(finding: Finding) -> Iterator[tuple[str, str, str]]:
    yield (STATUS_LABELS[finding.status], finding.tests, finding.message)
    if finding.remedy:
        yield ("", "", f"-> {finding.remedy}")
