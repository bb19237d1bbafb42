"""What an error means on the command line: a sentence and an exit code, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from cryptography.fernet import InvalidToken
from redis.exceptions import RedisError

from config.logging import configure
from config.settings import LogSettings, WrongSettingsError, read_settings
from models.admin.erasure import JobsRunningError
from models.connections.repository import NameTakenError, SettingRefusedError, UnknownConnectionError
from models.database import DatabaseUnavailableError, NoDowngradeError
from models.receivers.repository import UnknownReceiverError
from models.users.passwords import InvalidInputError
from models.users.repository import UnknownUserError
from models.users.tokens import UnknownTokenError
from sync.errors import SyncError, UnavailableError
from worker import redis_problems

FOUND, STOPPED = 1, 130

REFUSED_ERRORS = (
    UnknownConnectionError,
    NameTakenError,
    SettingRefusedError,
    UnknownReceiverError,
    UnknownTokenError,
    UnknownUserError,
    InvalidInputError,
    JobsRunningError,
    NoDowngradeError,
    WrongSettingsError,
)


class UnreachableError(click.ClickException):
    """PostgreSQL, Redis or a remote system cannot be reached; nothing was done."""

    exit_code = 3


def explained(error: Exception) -> click.ClickException | None:
    """Return what is said of a foreseen error, None of a fault of ours."""
    match error:
        case SyncError():
            sentence = "\n".join(filter(None, (error.message, error.remedy)))
            return (UnreachableError if isinstance(error, UnavailableError) else click.ClickException)(sentence)
        case DatabaseUnavailableError():
            return UnreachableError(str(error))
        case RedisError():
            return UnreachableError(redis_problems.sentence(error))
        case InvalidToken():
            return click.ClickException("None of the SECRET_KEYS opens what was encrypted.")
    return click.ClickException(str(error)) if isinstance(error, REFUSED_ERRORS) else None


@contextmanager
def if_stopped(how_to_go_on: str) -> Iterator[None]:
    """Say how to go on where Ctrl-C ends what is inside, or the command that this decorates."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nStopped. {how_to_go_on}", err=True)
        raise click.exceptions.Exit(STOPPED) from None


def configure_log() -> None:
    with suppress(WrongSettingsError):  # the command says which settings are wrong, if it needs any
        settings = read_settings(LogSettings)
        configure(settings.log_format, level=settings.log_level)
