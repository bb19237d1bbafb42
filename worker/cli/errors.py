"""Errors on the command line: a sentence and an exit code; imported only after one, as it imports all of them."""

import re

import click
from cryptography.fernet import InvalidToken
from redis import exceptions as redis

from config.settings import WrongSettingsError
from models.connections.repository import NameTakenError, SettingRefusedError, UnknownConnectionError
from models.database import DatabaseUnavailableError, NewerDatabaseError, NoDowngradeError
from models.inbox.leases import JobsRunningError
from models.invalid_input import InvalidInputError
from models.receivers.repository import UnknownReceiverError
from models.users.repository import UnknownUserError
from models.users.tokens import UnknownTokenError
from sync.errors import SyncError, UnavailableError
from worker.cli import UnreachableError

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

_LOGIN = (
    "Redis refuses the user or the password in REDIS_URL. Correct them; special characters are percent-encoded."
)
_REDIS_ERRORS = (
    ((redis.AuthenticationError, redis.NoPermissionError), _LOGIN),
    (
        (redis.MovedError, redis.AskError, redis.ClusterDownError, redis.ClusterCrossSlotError),
        (
            "REDIS_URL leads to a node of a Redis Cluster, which is not supported. Give the address of a single "
            "server."
        ),
    ),
    ((redis.ReadOnlyError,), "REDIS_URL leads to a replica. Give the address of the primary."),
    (
        (redis.TimeoutError,),
        "Redis does not respond in time. Check the network, the firewall and the host in REDIS_URL.",
    ),
)
_REDIS_MESSAGES = (
    (
        "unknown command",
        (
            "REDIS_URL leads to a Sentinel, which is not supported. Give the address of a server, or of a proxy "
            "to it."
        ),
    ),
    (
        "not known|name resolution|No address associated|nodename nor servname",
        "The host name in REDIS_URL does not resolve. Correct it, or check DNS.",
    ),
    ("NOAUTH|WRONGPASS|NOPERM", _LOGIN),
    ("refused", "Nothing listens at the host and port in REDIS_URL. Start Redis, or correct them."),
    ("OOM|MISCONF", "Redis rejects writes because its memory or disk is full. Free some space."),
)


def explain(error: Exception) -> click.ClickException | None:
    """Return the message of an expected error; None for a bug."""
    match error:
        case SyncError():
            sentence = "\n".join(filter(None, (error.message, error.remedy)))
            return (UnreachableError if isinstance(error, UnavailableError) else click.ClickException)(sentence)
        case DatabaseUnavailableError():
            return UnreachableError(str(error))
        case redis.RedisError():
            return UnreachableError(_redis_problem(error))
        case InvalidToken():
            return click.ClickException("None of the SECRET_KEYS can decrypt the stored secrets.")
    return click.ClickException(str(error)) if isinstance(error, REFUSED_ERRORS) else None


def _redis_problem(error: redis.RedisError) -> str:
    """Return a sentence with the remedy, for the system administrator."""
    for types, sentence in _REDIS_ERRORS:
        if isinstance(error, types):
            return sentence
    found = (sentence for words, sentence in _REDIS_MESSAGES if re.search(words, str(error)))
    return next(found, "Redis cannot be reached.")
