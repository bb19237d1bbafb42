"""The database: its connections, its transactions and its migrations."""

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from pydantic import SecretStr
from pydantic_core import from_json
from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    ExceptionContext,
    Executable,
    Row,
    create_engine,
    event,
    func,
    make_url,
    text,
)
from sqlalchemy import select as select_
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TypedReturnsRows

from models.connections.vault import Vault
from models.outage_causes import LOCKED, POOLER, UNKNOWN, cause_of

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")
Columns = TypeVarTuple("Columns")

SERVER_SILENCE_SECONDS = 25
"""How long either side waits for an acknowledgement before it drops the connection.

The kernel's defaults are a quarter of an hour for data that was sent, and two hours for an idle peer.
"""

MIGRATIONS = str(Path(__file__).parent / "migrations")

MIGRATION_LOCK_SECONDS, MIGRATION_PAUSE_SECONDS, MIGRATION_TRIES = 2.0, 5.0, 100
"""How long a migration waits for a lock, how long it then lets others pass before it retries, and how often."""

IDLE_SECONDS = 15
"""How long PostgreSQL waits for the next statement of a transaction.

Our transactions wait only for PostgreSQL, so a longer pause means that the process hangs while it holds locks.
"""


COUNTING_LIMIT = timedelta(milliseconds=30)
"""How long a page waits for data that it can omit, such as the number of all lines."""

READ_ONLY = psycopg2.errors.ReadOnlySqlTransaction
"""The error of a standby or of a server that was made read-only: after a failover, or when its disk is full."""


class DatabaseUnavailableError(Exception):
    """PostgreSQL cannot be reached or ended the connection; the transaction is rolled back. ``cause`` says why."""

    def __init__(self, message: str = UNKNOWN.sentence, *, cause: str = UNKNOWN.name) -> None:
        super().__init__(message)
        self.cause = cause


class NoDowngradeError(Exception):
    """The database was never at that version, or is at an older one."""


class NewerDatabaseError(Exception):
    """The database is at a version that a newer release made."""


def _engine_url(url: SecretStr) -> URL:
    """Name the driver, since SQLAlchemy's default changes between releases."""
    address = make_url(url.get_secret_value().replace("postgres://", "postgresql://", 1))
    return address.set(drivername="postgresql+psycopg2")


def _session_settings() -> dict[str, str]:
    """Return the settings of our sessions in PostgreSQL; behind a pooler only those of the role apply."""
    return {
        "timezone": "UTC",
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    }


def _timeouts() -> dict[str, Any]:
    """Return the timeouts of both ends: ours as libpq's settings, PostgreSQL's as session settings."""
    silence = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    options = {
        **_session_settings(),
        "tcp_user_timeout": f"{SERVER_SILENCE_SECONDS}s",
        **{f"tcp_{name}": value for name, value in silence.items()},
    }
    return {
        "connect_timeout": 5,
        "tcp_user_timeout": SERVER_SILENCE_SECONDS * 1000,
        **silence,
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }


class Database:
    """A pool of connections for all threads of a process, with a few extra under load. Create it after a fork."""

    def __init__(self, url: SecretStr, *, pool_size: int = 5) -> None:
        timeouts = _timeouts()
        self._engine = create_engine(
            _engine_url(url),
            pool_size=pool_size,
            pool_timeout=10,
            connect_args=timeouts,
            hide_parameters=True,  # they may be secrets, and errors are logged
            json_deserializer=from_json,  # a list of jobs has hundreds of small values
            use_native_hstore=False,  # no column has that type, and the lookup costs each connection a query
            executemany_mode="values_plus_batch",  # update the rows of a batch in one round trip
        )
        _ping_if_data_waits(self._engine)
        _omit_options_if_refused(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction that is committed at the end and rolled back on an error.

        Raises DatabaseUnavailableError if PostgreSQL is down, goes down, or does not respond in time.
        """
        with _translating_errors(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """Open a connection for one statement, which is its own transaction: one round trip instead of three.

        It returns rows of columns, because creating a session's objects takes longer than the statement. Raises
        the same errors as :meth:`transaction`.
        """
        with _translating_errors(), self._engine.connect() as connection, _autocommit(connection):
            yield connection

    def execute(self, statement: Executable) -> None:
        """Run one statement that returns nothing, as :meth:`statement` does."""
        with self.statement() as connection:
            connection.execute(statement)

    def rows(
        self, query: TypedReturnsRows[*Columns], values: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*Columns]]:
        """Return the rows of one statement; ``values`` are its parameters."""
        with self.statement() as connection:
            return connection.execute(query, values).all()

    def row(
        self, query: TypedReturnsRows[*Columns], values: Mapping[str, Any] | None = None
    ) -> Row[*Columns] | None:
        """Return the first row of one statement, None if there is none; ``values`` are its parameters."""
        with self.statement() as connection:
            return connection.execute(query, values).first()

    def scalars(self, query: TypedReturnsRows[T]) -> Sequence[T]:
        with self.statement() as connection:
            return connection.scalars(query).all()

    def scalar(self, query: TypedReturnsRows[T]) -> T | None:
        """Return the only column of one statement's first row, None if there is none."""
        with self.statement() as connection:
            return connection.scalar(query)

    def rows_in_time(self, query: TypedReturnsRows[*Columns]) -> Sequence[Row[*Columns]] | None:
        """Return the rows of one statement, or None if it takes longer than COUNTING_LIMIT.

        The limit ends before the transaction does, or it could cancel the commit.
        """
        try:
            with self.transaction() as session:
                _set_timeout(session, f"{COUNTING_LIMIT // timedelta(milliseconds=1)}ms")
                rows = session.execute(query).all()
                _set_timeout(session, _session_settings()["statement_timeout"])
                return rows
        except DatabaseUnavailableError as error:
            if isinstance(getattr(error.__cause__, "orig", None), psycopg2.errors.QueryCanceled):
                return None
            raise

    def server_time(self) -> datetime:
        """Return the time (UTC) of PostgreSQL's clock, which all hosts share. Raises DatabaseUnavailableError."""
        with self.statement() as connection:
            now: datetime = connection.scalars(select_(func.clock_timestamp())).one()
        return now

    def lax_settings(self) -> list[str]:
        """Return the session settings that are not in effect: a pooler dropped them, and the role lacks them.

        Raises DatabaseUnavailableError.
        """
        names = list(_session_settings())
        query = text("select name, setting from pg_settings where lower(name) = any(:names)")
        with self.statement() as connection:
            found = {name.lower(): value for name, value in connection.execute(query, {"names": names})}
        lax = (name for name, value in found.items() if value == "0" or (name == "timezone" and value != "UTC"))
        return sorted(lax)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _autocommit(connection: Connection) -> Iterator[None]:
    """Make each statement its own transaction.

    SQLAlchemy's isolation level AUTOCOMMIT does the same, but resets the level of the connection afterwards, so
    that psycopg2 sends a further statement to set it again the next time.
    """
    own: Any = connection.connection.driver_connection
    own.autocommit = True
    try:
        yield
    finally:
        if not own.closed:
            own.autocommit = False


def _set_timeout(session: Session, timeout: str) -> None:
    """Set the timeout of a transaction's next statements."""
    session.execute(select_(func.set_config("statement_timeout", timeout, True)))  # noqa: FBT003 - locally


@contextmanager
def _translating_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise _unavailable(error) from error
    except DBAPIError as error:
        if not isinstance(error.orig, READ_ONLY):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> DatabaseUnavailableError:
    cause = cause_of(error)
    return DatabaseUnavailableError(cause.sentence, cause=cause.name)


def _omit_options_if_refused(engine: Engine) -> None:
    """Connect without ``options`` once a pooler has refused them, as PgBouncer does."""
    refused = False

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, _record: object, arguments: tuple[Any, ...], settings: dict[str, Any]
    ) -> DBAPIConnection:
        nonlocal refused
        plain = {name: value for name, value in settings.items() if name != "options"}
        try:
            return dialect.connect(*arguments, **(plain if refused else settings))
        except psycopg2.OperationalError as error:
            if refused or cause_of(error) != POOLER:
                raise
            refused = True
            return dialect.connect(*arguments, **plain)


def _ping_if_data_waits(engine: Engine) -> None:
    """Ping a pooled connection if PostgreSQL has sent data on it; if it is dead, replace the whole pool.

    PostgreSQL sends to an idle connection only when it ends it. A ping costs a round trip, checking the socket
    does not. A connection that is still in a transaction is replaced: psycopg2 rolls nothing back after a commit
    that was cancelled.
    """

    @event.listens_for(engine, "handle_error")
    def discard(context: ExceptionContext) -> None:
        """Drop the connection, so that the next one reaches the server that accepts writes now."""
        if isinstance(context.original_exception, READ_ONLY):
            context.is_disconnect = True

    @event.listens_for(engine, "checkout")
    def ping(connection: psycopg2.extensions.connection, _entry: object, _proxy: object) -> None:
        try:
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            if poll.poll(0):
                engine.dialect.do_ping(connection)
        except psycopg2.Error as error:
            raise InvalidatePoolError from error
        if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
            raise DisconnectionError


def migrate(url: SecretStr, vault: Vault | None = None, *, on_wait: Callable[[], object] = lambda: None) -> None:
    """Upgrade the tables to the newest version. It can be repeated, and several processes may do so at once.

    The vault decrypts the secrets of connections; a database without connections needs no vault. ``on_wait`` is
    called once if the migration has to wait for a lock. Raises InvalidToken if the vault cannot decrypt the
    secrets; nothing is changed then. Raises DatabaseUnavailableError, also if the wait takes too long, and
    NewerDatabaseError.
    """
    from alembic import command
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    try:
        _retrying(partial(command.upgrade, _migrations(url, vault), "head"), on_wait)
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise NewerDatabaseError(
            f"The database is at migration {error.__cause__.argument}, newer than this release. "
            "Migrate back with that release, or install it."
        ) from error


def downgrade(
    url: SecretStr, vault: Vault | None = None, *, to: str, on_wait: Callable[[], object] = lambda: None
) -> None:
    """Downgrade the tables to an older version, such as ``0010``; data that only newer versions store is lost.

    Raises NoDowngradeError if there is no such version or it is not older, and the errors of :func:`migrate`.
    """
    from alembic import command
    from alembic.util import CommandError

    try:
        _retrying(partial(command.downgrade, _migrations(url, vault), to), on_wait)
    except CommandError as error:
        raise NoDowngradeError(f"There is no way back to version {to} of the database.") from error


def _retrying(step: Callable[[], None], on_wait: Callable[[], object]) -> None:
    """Retry while another session holds a lock, with pauses in which other sessions can continue."""
    for tries in range(MIGRATION_TRIES):
        if tries == 1:
            on_wait()
        if tries:
            time.sleep(MIGRATION_PAUSE_SECONDS)
        try:
            with _translating_errors():
                step()
            break
        except DatabaseUnavailableError as error:
            if error.cause != LOCKED.name or tries + 1 == MIGRATION_TRIES:
                raise


def is_behind(database: Database) -> bool:
    """Return whether the tables are missing or older than this program. Newer ones are normal in an upgrade."""
    try:
        with database.statement() as connection:
            version = connection.scalar(text("select version_num from alembic_version"))
    except ProgrammingError:
        return True  # the table does not exist
    return version is None or version in _older_versions()


@cache
def _older_versions() -> frozenset[str]:
    """Return the versions before the newest from the file names, so that the web does not load Alembic."""
    versions = sorted(path.name.partition("_")[0] for path in Path(MIGRATIONS, "versions").glob("[0-9]*.py"))
    return frozenset(versions[:-1])


def _migrations(url: SecretStr, vault: Vault | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.attributes["address"], config.attributes["vault"] = _engine_url(url), vault
    config.attributes["lock_milliseconds"] = round(MIGRATION_LOCK_SECONDS * 1000)
    return config
