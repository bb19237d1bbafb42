"""Problems with Redis, each as a sentence with its remedy, for the system administrator."""

import re

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterCrossSlotError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - it is Redis's
)

_LOGIN = (
    "Redis refuses the user or the password in REDIS_URL. Correct them; special characters are percent-encoded."
)
_CLUSTER = (
    "REDIS_URL leads to a node of a Redis Cluster, which is not supported. Give the address of a single server."
)
_SENTINEL = (
    "REDIS_URL leads to a Sentinel, which is not supported. Give the address of a server, or of a proxy to it."
)
_REPLICA = "REDIS_URL leads to a replica. Give the address of the primary."
_SLOW = "Redis does not respond in time. Check the network, the firewall and the host in REDIS_URL."
_NO_HOST = "The host name in REDIS_URL does not resolve. Correct it, or check DNS."
_REFUSED = "Nothing listens at the host and port in REDIS_URL. Start Redis, or correct them."
_FULL = "Redis rejects writes because its memory or disk is full. Free some space."

_BY_TYPE: tuple[tuple[tuple[type[RedisError], ...], str], ...] = (
    ((AuthenticationError, NoPermissionError), _LOGIN),
    ((MovedError, AskError, ClusterDownError, ClusterCrossSlotError), _CLUSTER),
    ((ReadOnlyError,), _REPLICA),
    ((TimeoutError,), _SLOW),
)
_BY_WORDS = (
    ("unknown command", _SENTINEL),
    ("not known|name resolution|No address associated|nodename nor servname", _NO_HOST),
    ("NOAUTH|WRONGPASS|NOPERM", _LOGIN),
    ("refused", _REFUSED),
    ("OOM|MISCONF", _FULL),
)


def sentence(error: RedisError) -> str:
    """Return what is wrong."""
    for types, said in _BY_TYPE:
        if isinstance(error, types):
            return said
    return next((said for words, said in _BY_WORDS if re.search(words, str(error))), "Redis cannot be reached.")
