"""The command line: ``python -m worker``."""

from contextlib import suppress
from functools import partial
from typing import Any

import click
from cryptography.fernet import Fernet, InvalidToken
from redis.exceptions import RedisError

from config.logging import configure
from config.settings import LogSettings, MigrationSettings, WrongSettingsError, read_settings
from models.admin.erasure import JobsRunningError
from models.connections.repository import NameTakenError, SettingRefusedError, UnknownConnectionError
from models.connections.vault import Vault
from models.database import (
    DatabaseUnavailableError,
    NoDowngradeError,
    downgrade,
    migrate,
)
from models.receivers.repository import UnknownReceiverError
from models.users import second_factor
from models.users.passwords import InvalidInputError
from models.users.repository import UnknownUserError
from models.users.tokens import UnknownTokenError
from sync.errors import SyncError
from worker import heartbeat, redis_problems
from worker.alive import NO_SWEEP, SILENT
from worker.cli.audit import audit
from worker.cli.backfill import backfill
from worker.cli.connections import connections
from worker.cli.doctor import doctor
from worker.cli.erasure import erase, people
from worker.cli.jobs import jobs
from worker.cli.onboarding import expenses, match_
from worker.cli.receivers import receivers
from worker.cli.reconcile import reconcile
from worker.cli.restore import restore
from worker.cli.tokens import tokens
from worker.cli.users import users
from worker.container import get_container


class PlainSpoken(click.Group):
    """A group whose foreseen errors are told in a few words, with an exit code other than 0."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (as click has it)
        try:
            return super().invoke(ctx)
        except SyncError as error:
            raise click.ClickException("\n".join(filter(None, (error.message, error.remedy)))) from error
        except (
            DatabaseUnavailableError,
            UnknownConnectionError,
            NameTakenError,
            SettingRefusedError,
            UnknownReceiverError,
            UnknownUserError,
            UnknownTokenError,
            InvalidInputError,
            JobsRunningError,
            NoDowngradeError,
            WrongSettingsError,
        ) as error:
            raise click.ClickException(str(error)) from error
        except RedisError as error:
            raise click.ClickException(redis_problems.sentence(error)) from error
        except InvalidToken as error:
            raise click.ClickException("None of the SECRET_KEYS opens what was encrypted.") from error


@click.group(cls=PlainSpoken)
def main() -> None:
    """Look after the bridge between Moment and 24SevenOffice."""


for command in (match_, backfill, erase):
    connections.add_command(command)
for command in (connections, jobs, expenses, users, doctor, restore, people, audit, reconcile, receivers, tokens):
    main.add_command(command)


@main.command("migrate")
@click.option("--back-to", metavar="VERSION", help="Take it back to the one of an older release instead, say 0010")
def migrate_(back_to: str | None) -> None:
    """Bring the database to the newest version; harmless where it is."""
    settings = read_settings(MigrationSettings)
    database_url, vault = settings.database_url, Vault(settings.secret_keys)
    waits = partial(click.echo, "Another session holds a lock, perhaps a backup: waiting for it.", err=True)
    if back_to:
        click.confirm("What only newer versions hold is lost. Is there a backup?", abort=True)
        downgrade(database_url, vault, to=back_to, on_wait=waits)
        click.echo(f"The database is back at version {back_to}: start the older release.")
    else:
        migrate(database_url, vault, on_wait=waits)
        click.echo("The database is up to date.")


@main.command()
@click.option(
    "--here", is_flag=True, help="Fail instead if the worker on this host does not answer, whatever else is away"
)
def alive(*, here: bool) -> None:
    """Fail unless beat, Redis and a worker have been at work within the last minute."""
    if here:
        if heartbeat.is_unresponsive(get_container().redis):
            raise click.ClickException(SILENT)
    elif not get_container().is_alive():
        raise click.ClickException(NO_SWEEP)


@main.group()
def keys() -> None:
    """The keys that passwords are encrypted with."""


@keys.command()
def new() -> None:
    """Make a key, to be put first in SECRET_KEYS."""
    click.echo(Fernet.generate_key().decode())


@keys.command()
def rotate() -> None:
    """Encrypt all secrets anew with the first of SECRET_KEYS, so that older keys may be taken out.

    What none of them opens is named and stays as it is; the status is 1 then.
    """
    container = get_container()
    container.operations.rotate_keys()
    users = second_factor.rotate_keys(container.database, container.vault)
    receiver_ids = container.receivers.rotate_keys()
    count, names = container.connections.rotate_keys()
    container.idempotency.rotate_keys()
    click.echo(f"Connections under the first key now: {count}.")
    problems = [
        *(
            f"None of the SECRET_KEYS opens the password and the API key of {name}: enter both again."
            for name in names
        ),
        *(
            f"None of the SECRET_KEYS opens the second factor of {email}: see `users reset-factor`."
            for email in users
        ),
        *(
            f"None of the SECRET_KEYS opens the secret of event receiver {number}: see `receivers rotate`."
            for number in receiver_ids
        ),
    ]
    if problems:
        raise click.ClickException("\n".join(problems))


if __name__ == "__main__":
    with suppress(WrongSettingsError):  # the command says which settings are wrong, if it needs any
        log_settings = read_settings(LogSettings)
        configure(log_settings.log_format, level=log_settings.log_level)
    main(prog_name="python -m worker")
