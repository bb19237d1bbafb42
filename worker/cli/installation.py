"""Commands for the installation itself: its database, its keys, its processes and its audit log."""

import hashlib
from collections.abc import Sequence
from functools import partial

import click
from cryptography.fernet import Fernet

from config.settings import MigrationSettings, read_settings
from models.admin import audit_log
from models.connections.repository import Connection
from models.connections.vault import Vault
from models.database import downgrade, migrate
from models.enums import Scope
from models.users import second_factor
from worker import exit_codes, heartbeat
from worker.alive import NO_SWEEP, SILENT
from worker.cli import connections_option
from worker.container import get_container


@click.command("migrate")
@click.option("--back-to", metavar="VERSION", help="Downgrade to the version of an older release, such as 0010")
def migrate_(back_to: str | None) -> None:
    """Migrate the database to the latest version. Safe to repeat."""
    settings = read_settings(MigrationSettings)
    database_url, vault = settings.database_url, Vault(settings.secret_keys)
    report_wait = partial(click.echo, "Waiting for another session's lock, perhaps a backup's.", err=True)
    if back_to:
        click.confirm("Data that only newer versions store will be lost. Is there a backup?", abort=True)
        downgrade(database_url, vault, to=back_to, on_wait=report_wait)
        click.echo(f"The database is back at version {back_to}: start the older release.")
    else:
        migrate(database_url, vault, on_wait=report_wait)
        click.echo("The database is up to date.")


@click.command()
@click.option("--here", is_flag=True, help="Only check that the worker on this host responds")
def alive(*, here: bool) -> None:
    """Check that beat, Redis and a worker have run within the last minute."""
    container = get_container()
    if heartbeat.is_unresponsive(container.redis) if here else not container.is_alive():
        click.echo(SILENT if here else NO_SWEEP, err=True)
        raise click.exceptions.Exit(exit_codes.FINDINGS)


@click.group()
def keys() -> None:
    """Manage the keys that encrypt passwords."""


@keys.command()
def new() -> None:
    """Generate a key, to be put first in SECRET_KEYS."""
    click.echo(Fernet.generate_key().decode())


@keys.command()
def rotate() -> None:
    """Re-encrypt all secrets with the first of SECRET_KEYS, so older keys can be removed.

    Secrets that none of the keys can decrypt are listed and left as they are; the exit code is then 1.
    """
    container = get_container()
    first, *older = container.settings.secret_keys
    fingerprint = hashlib.sha256(first.get_secret_value().encode()).hexdigest()[:8]
    click.echo(f"The first key has the fingerprint {fingerprint}; older keys: {len(older)}.")
    container.operations.rotate_keys()
    users = second_factor.rotate_keys(container.database, container.vault)
    receiver_ids = container.receivers.rotate_keys()
    count, names = container.connections.rotate_keys()
    container.idempotency.rotate_keys()
    click.echo(f"Connections now encrypted with the first key: {count}.")
    problems = [f"the password and the API key of {name}: enter both again." for name in names]
    problems += [f"the second factor of {email}: see `users reset-factor`." for email in users]
    problems += [f"the secret of event receiver {number}: see `receivers rotate`." for number in receiver_ids]
    for problem in problems:
        click.echo(f"None of the SECRET_KEYS can decrypt {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


@click.group()
def audit() -> None:
    """Export the audit log."""


@audit.command()
@connections_option("Only this connection; repeatable")
def export(connections: Sequence[Connection]) -> None:
    """Print the audit log as JSON lines, oldest entry first."""
    scope = Scope(frozenset(each.id for each in connections) if connections else None)
    for line in audit_log.export(get_container().database, scope, users=not connections):
        click.echo(line, nl=False)
