"""Errors on the command line: a sentence and an exit code, without a traceback.

It is imported only after an error, as it imports all error classes.
"""

import click
from cryptography.fernet import InvalidToken
from redis.exceptions import RedisError

from config.settings import WrongSettingsError
from models.admin.erasure import JobsRunningError
from models.connections.repository import NameTakenError, SettingRefusedError, UnknownConnectionError
from models.database import DatabaseUnavailableError, NewerDatabaseError, NoDowngradeError
from models.receivers.repository import UnknownReceiverError
from models.users.passwords import InvalidInputError
from models.users.repository import UnknownUserError
from models.users.tokens import UnknownTokenError
from sync.errors import SyncError, UnavailableError
from worker import redis_problems
from worker.cli.exit_codes import UnreachableError

REFUSED_ERRORS = (
    UnknownConnectionError,
    NameTakenError,
    SettingRefusedError,
    UnknownReceiverError,
    UnknownTokenError,
    UnknownUserError,
    InvalidInputError,
    JobsRunningError,
    NewerDatabaseError,
    NoDowngradeError,
    WrongSettingsError,
)


def explained(error: Exception) -> click.ClickException | None:
    """Return the message of an expected error; None for a bug."""
    match error:
        case SyncError():
            sentence = "\n".join(filter(None, (error.message, error.remedy)))
            return (UnreachableError if isinstance(error, UnavailableError) else click.ClickException)(sentence)
        case DatabaseUnavailableError():
            return UnreachableError(str(error))
        case RedisError():
            return UnreachableError(redis_problems.sentence(error))
        case InvalidToken():
            return click.ClickException("None of the SECRET_KEYS can decrypt the stored secrets.")
    return click.ClickException(str(error)) if isinstance(error, REFUSED_ERRORS) else None
