"""``moment24 connections apply`` and ``export``: connections from a file, and the file from connections."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from i18n.formatting import OSLO
from models.connections.repository import (
    SECRET_FIELDS,
    CompanyTakenError,
    ConcurrentUpdateError,
    Connection,
    LinksExistError,
    NameTakenError,
    SettingRefusedError,
)
from models.connections.settings import (
    ConnectionSettings,
    contradictions,
    first_days_to_confirm,
    setting_that_changes_ledger,
)
from models.enums import EntityType
from models.inbox import links
from sync.errors import SyncError, UnavailableError
from worker import exit_codes
from worker.cli import ACTOR, UnreachableError, connections_option, examples, on_interrupt
from worker.cli.connection_file import ConnectionFile, Entry, WrongFileError, to_toml
from worker.cli.tables import SHEETS, Cell, Table, output_option, progress_bar, to_json
from worker.container import get_container
from worker.handlers import diagnostics

DIFFERENCES = Table(
    columns={name: name for name in ("connection", "change", "setting", "old", "new")},
    empty="All connections match the file.",
)
CREATED = Table(columns={"connection": "connection", "webhook_url": "webhook URL"})
LOGIN_SETTINGS = frozenset({"moment_company", "moment_api_key", "username", "password", "identity_id"})
"""The settings that both systems must accept."""


@dataclass(kw_only=True)
class Plan:
    """The planned state of a connection: ``values`` change, and ``starts`` says whether to start or pause it.

    ``starts`` is None if the connection does neither.
    """

    name: str
    settings: ConnectionSettings
    values: dict[str, Any]
    starts: bool | None
    before: Connection | None = None
    client_number: int | None = None

    @property
    def is_login_new(self) -> bool:
        """Whether both systems must accept the login first."""
        return not LOGIN_SETTINGS.isdisjoint(self.values) or self.before is None

    def differences(self) -> Iterator[Mapping[str, Any]]:
        row = {
            "connection": self.name,
            "change": "change" if self.before else "add",
            "setting": "",
            "old": "",
            "new": "",
        }
        old = self.before.settings.model_dump(mode="json") if self.before else {}
        new = self.settings.model_dump(mode="json")
        for name in self.values:
            if name in SECRET_FIELDS:
                yield row | {"setting": name, "new": "changed" if self.before else "set"}
            else:
                yield row | {"setting": name, "old": _cell(old[name]) if old else "", "new": _cell(new[name])}
        if self.starts is not None:
            yield row | {"change": "start" if self.starts else "pause"}


@click.command(
    epilog=examples(
        "moment24 connections apply companies.toml --dry-run", "moment24 connections export > companies.toml"
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--dry-run", is_flag=True, help="Only show the changes; exits with 1 if there are any")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation")
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Whether to test new companies and credentials in both systems before changing anything",
)
@output_option
@on_interrupt("Completed changes stay. Run the same command again to continue.")
def apply(file: Path, *, dry_run: bool, yes: bool, check: bool, output: str) -> None:
    """Bring connections in line with a file. Safe to repeat.

    The file has a table for each connection, such as [connections."Our company"], with its settings and started =
    true or false. A secret is a reference: "env:NAME" or "file:PATH". A setting that a table omits stays as it is.
    A connection that the file does not name is listed and not changed. All errors are reported at once, before
    anything changes.
    """
    try:
        parsed = ConnectionFile(file, os.environ)
    except WrongFileError as error:
        raise click.ClickException(str(error)) from None
    container = get_container()
    known = {each.name: each for each in container.connections.all_even_unreadable()}
    plans = [plan for entry in parsed.entries if (plan := _plan(parsed, entry, known.get(entry.name)))]
    _refuse_shared_companies(parsed, plans, known)
    _raise_errors(parsed.errors, "Nothing was changed.")
    plans = [each for each in plans if any(each.differences())]
    unlisted = sorted(known.keys() - {each.name for each in parsed.entries})
    if output == "table":
        _print_plan(plans, unlisted)
    created: list[Mapping[str, str]] = []
    if plans and not dry_run:
        if check:
            _test_logins(parsed, plans)
        if not yes:
            click.confirm("Make these changes?", abort=True, err=True)
        created = [row for each in plans if (row := _apply_plan(parsed, each))]
    if output == "table":
        if created:
            click.echo("Webhook URLs for Moment's settings (customers, projects, invoices), shown only once:")
            CREATED.print(created, "table")
    elif output in SHEETS:
        DIFFERENCES.print(_rows(plans), output)
    else:
        differences = DIFFERENCES.records(_rows(plans))
        click.echo(to_json({"differences": differences, "not_in_file": unlisted, "created": created}))
    _raise_errors(parsed.errors, "The rest was done.")
    if dry_run and plans:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


@click.command()
@connections_option("Only this one; repeatable  [default: all]")
def export(connections: Sequence[Connection]) -> None:
    """Print connections as a file for `connections apply`, without their secrets."""
    click.echo(to_toml(connections or get_container().connections.all_even_unreadable()), nl=False)


def _plan(parsed: ConnectionFile, entry: Entry, before: Connection | None) -> Plan | None:
    """Compare an entry with the present connection. Returns None after adding the errors of a wrong entry."""
    if before is None:
        if (settings := _settings(parsed, entry, {})) is None:
            return None
        values = {name: getattr(settings, name) for name in entry.values}
        return Plan(name=entry.name, settings=settings, values=values, starts=entry.started or None)
    known = before.settings.model_dump(exclude=set(SECRET_FIELDS) if before.unreadable else None)
    settings = _settings(parsed, entry, known)
    if settings is None:
        return None
    new = ((name, getattr(settings, name)) for name in entry.values)
    values = {name: value for name, value in new if value != getattr(before.settings, name)}
    first_days = [name for name in first_days_to_confirm(before.settings, values) if name not in entry.values]
    values |= dict.fromkeys(first_days, get_container().clock().astimezone(OSLO).date())
    settings = settings.model_copy(update=values)
    if setting_that_changes_ledger(before.settings, settings, same_client=True) and any(
        links.find_latest(get_container().database, before.id, each) for each in EntityType
    ):
        parsed.add_error(entry.name, "moment_company", str(LinksExistError("moment_company")))
    return Plan(name=entry.name, before=before, settings=settings, values=values, starts=_starts(entry, before))


def _settings(parsed: ConnectionFile, entry: Entry, known: Mapping[str, Any]) -> ConnectionSettings | None:
    try:
        settings = ConnectionSettings.model_validate({**known, **entry.values})
    except ValidationError as error:
        for each in error.errors(include_input=False):
            key = str(each["loc"][0])
            if not parsed.has_error(entry.name, key):
                parsed.add_error(entry.name, key, each["msg"])
        return None
    for name, message in contradictions(settings).items():
        parsed.add_error(entry.name, name, message)
    return settings


def _starts(entry: Entry, before: Connection) -> bool | None:
    """Return whether to start or pause it, None for neither. A connection that paused itself stays paused."""
    if entry.started and before.paused_by:
        return True
    return False if entry.started is False and not before.paused_because else None


def _refuse_shared_companies(
    parsed: ConnectionFile, plans: Sequence[Plan], known: Mapping[str, Connection]
) -> None:
    companies = {name: each.settings.moment_company.lower() for name, each in known.items()}
    companies |= {each.name: each.settings.moment_company.lower() for each in plans}
    count = Counter(companies.values())
    for each in plans:
        if "moment_company" in each.values and count[companies[each.name]] > 1:
            parsed.add_error(each.name, "moment_company", str(CompanyTakenError()))


def _raise_errors(errors: Sequence[str], consequence: str) -> None:
    """Raise ClickException if there are errors."""
    if errors:
        raise click.ClickException("\n".join((*errors, consequence)))


def _rows(plans: Sequence[Plan]) -> Iterator[Mapping[str, Any]]:
    for each in plans:
        yield from each.differences()


def _print_plan(plans: Sequence[Plan], unlisted: Sequence[str]) -> None:
    click.echo(DIFFERENCES.text(_rows(plans)))
    if unlisted:
        click.echo(f"Not in the file, unchanged: {', '.join(unlisted)}.")


def _test_logins(parsed: ConnectionFile, plans: Sequence[Plan]) -> None:
    """Check that both systems accept the new logins, and add the client that each reaches."""
    new_logins, unreachable = [each for each in plans if each.is_login_new], False
    with progress_bar(len(new_logins), "Testing") as advance:
        for each in new_logins:
            try:
                identity = diagnostics.check_login(get_container(), each.settings)
            except SyncError as error:
                unreachable = unreachable or isinstance(error, UnavailableError)
                parsed.add_error(each.name, "", " ".join(filter(None, (error.message, error.remedy))))
            else:
                each.client_number = identity.client_number or None
                if each.settings.identity_id != identity.id:
                    each.values["identity_id"] = identity.id
            advance(1)
    if unreachable:
        raise UnreachableError("\n".join((*parsed.errors, "Nothing was changed.")))
    _raise_errors(parsed.errors, "Nothing was changed.")


def _apply_plan(parsed: ConnectionFile, plan: Plan) -> Mapping[str, str] | None:
    """Apply the plan of a connection; return the webhook URL of a new one."""
    container, now = get_container(), get_container().clock()
    try:
        if plan.before is None:
            _, token = container.connections.add(
                plan.name,
                plan.settings.model_copy(update=plan.values),
                actor=ACTOR,
                now=now,
                started=bool(plan.starts),
                client_number=plan.client_number,
            )
            return {"connection": plan.name, "webhook_url": container.webhook_url(token)}
        if plan.values:
            seen, client_number = plan.before.updated_at, plan.client_number
            container.update_settings(
                plan.before.id, plan.values, actor=ACTOR, seen=seen, client_number=client_number
            )
        if plan.starts:
            container.connections.resume(plan.before.id, actor=ACTOR, now=now, despite_failed_test=True)
        elif plan.starts is False:
            container.connections.pause(plan.before.id, "", actor=ACTOR, now=now)
    except (NameTakenError, SettingRefusedError) as error:
        parsed.add_error(plan.name, getattr(error, "setting", ""), str(error))
    except ConcurrentUpdateError:
        parsed.add_error(plan.name, "", "someone else has just changed its settings")
    return None


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return Cell(value, "yes" if value else "no")
    return Cell(value, "nothing") if value in (None, "", [], {}) else value
