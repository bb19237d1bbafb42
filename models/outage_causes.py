"""The causes for which PostgreSQL is unavailable: a name for metrics and log, and a sentence with the remedy."""

import re
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause, for the system administrator."""

    name: str
    sentence: str


UNKNOWN = Cause("unreachable", "The database cannot be reached.")
POOL_BUSY = Cause("pool_busy", "All connections of this process to the database are in use.")
_DISK_FULL = Cause(
    "disk_full", "The disk of PostgreSQL is full. Make room: nothing is taken or synced until then."
)
_READ_ONLY = Cause("read_only", "The database takes no writes now: it is a standby, or was made read-only.")
_TOO_MANY = Cause(
    "too_many_connections",
    "PostgreSQL or its pooler has no connection left. Allow more there, or run fewer processes or WORKER_THREADS.",
)
LOCKED = Cause("locked", "Another session holds a lock in the database for too long: a backup, or one left open.")
_TIMED_OUT = Cause("timed_out", "The database did not respond in time.")
POOLER = Cause(
    "pooler", "The pooler in DATABASE_URL refuses a parameter: see “Behind a pooler” in docs/runbook.md."
)
_RESTARTING = Cause("restarting", "PostgreSQL is starting or shutting down.")

_BY_SQLSTATE = {
    "53100": _DISK_FULL,
    "25006": _READ_ONLY,
    "53300": _TOO_MANY,
    "57014": _TIMED_OUT,
    "55P03": LOCKED,
    "57P01": _RESTARTING,
    "57P02": _RESTARTING,
    "57P03": _RESTARTING,
}

_BY_WORDS = (  # for a failed connection, libpq has no error code
    (
        r"password authentication failed|no password supplied|SASL authentication failed|role .* does not exist",
        Cause(
            "password",
            "PostgreSQL refuses the user or the password in DATABASE_URL. Correct them; special characters "
            "are written percent-encoded.",
        ),
    ),
    (
        r"could not translate host name",
        Cause("unknown_host", "The host name in DATABASE_URL does not resolve. Correct it, or check DNS."),
    ),
    (
        r"database .* does not exist|no such database",
        Cause(
            "unknown_database", "PostgreSQL has no database with the name in DATABASE_URL. Correct or create it."
        ),
    ),
    (r"unsupported startup parameter", POOLER),
    (
        r"server login|server_login_retry|cannot connect to server|query_wait_timeout|server conn crashed",
        Cause("pooler_alone", "The pooler in DATABASE_URL responds but does not reach PostgreSQL. Check its log."),
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        Cause("not_allowed", "PostgreSQL does not let this host, user or database in. Allow it in pg_hba.conf."),
    ),
    (
        r"too many clients|connection slots are reserved|too many connections|no more connections allowed",
        _TOO_MANY,
    ),
    (r"starting up|shutting down|in recovery mode|not yet accepting", _RESTARTING),
    (
        r"Connection refused|No such file or directory",
        Cause(
            "refused", "Nothing listens at the host and port in DATABASE_URL. Start PostgreSQL, or correct them."
        ),
    ),
    (
        r"timeout expired|timed out|No route to host|Network is unreachable",
        Cause(
            "no_answer", "The host in DATABASE_URL does not respond. Check the network, the firewall and the host."
        ),
    ),
    (r"No space left on device", _DISK_FULL),
)


def cause_of(error: Exception) -> Cause:
    if isinstance(error, PoolTimeout):
        return POOL_BUSY
    original = error.orig if isinstance(error, DBAPIError) else error
    if known := _BY_SQLSTATE.get(getattr(original, "pgcode", None) or ""):
        return known
    return next((cause for words, cause in _BY_WORDS if re.search(words, str(original))), UNKNOWN)
