"""PostgreSQL and Redis in a folder: real servers for a machine that has none, and for the tests.

Each listens on 127.0.0.1 only, asks for a password, and ends when the process that started it ends.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from local.child_processes import kill
from local.embedded import START_SECONDS, Server
from local.server_binaries import NoServerError, postgres_binaries, redis_binary

__all__ = ["POSTGRES_PORT", "REDIS_PORT", "NoServerError", "Server", "alone", "postgres", "redis"]

POSTGRES_PORT = 5432
REDIS_PORT = 6379


@contextmanager
def postgres(
    state: Path, *, port: int = POSTGRES_PORT, durable: bool = True, environ: Mapping[str, str] = os.environ
) -> Iterator[Server]:
    """Run PostgreSQL (UTF-8, UTC) with its data in ``state``, made where it is missing.

    ``port`` is tried the first time; where it is taken (or 0) a free one is, and is kept for the next time.
    Without ``durable`` a crash of the machine, though not of the server, may cost the data.
    Raises NoServerError.
    """
    with alone(state, f"Another process runs a server in {state}."):
        yield from _running(_Postgres(state, port=port, durable=durable, binaries=postgres_binaries(environ)))


@contextmanager
def redis(state: Path, *, port: int = REDIS_PORT, environ: Mapping[str, str] = os.environ) -> Iterator[Server]:
    """Run Redis (in truth Valkey) with an append-only file in ``state``; evicts nothing. Ports as above.

    Raises NoServerError.
    """
    with alone(state, f"Another process runs a server in {state}."):
        yield from _running(_Redis(state, port=port, binary=redis_binary(environ)))


class _Postgres(Server):
    name = "PostgreSQL"
    pid_file = "postmaster.pid"
    parting = signal.SIGINT  # a fast shutdown: SIGTERM would wait for every client

    def __init__(self, state: Path, *, port: int, durable: bool, binaries: Path) -> None:
        super().__init__(state, port=port)
        self._binaries = binaries
        self._durable = durable

    @property
    def url(self) -> str:
        return f"postgresql://moment24:{self._password}@127.0.0.1:{self.port}/postgres"

    def _launch(self) -> subprocess.Popen[bytes]:
        if not self._data.exists():
            self._make_cluster()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self._run("postgres", self._data, options)

    def _make_cluster(self) -> None:
        """Make the data directory; it gets its name only when it is whole."""
        draft = self._state / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        self._make_data(draft)
        options = ["--username=moment24", "--pwfile=../password", "--auth=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            options.append("--no-sync")
        making = self._run("initdb", draft, options)
        try:
            with suppress(subprocess.TimeoutExpired):
                making.wait(START_SECONDS)
        finally:
            kill(making)
        if making.returncode:
            raise self._failure("could not make its files")
        draft.rename(self._data)

    def _run(self, program: str, cluster: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
        # Under root's own folders the account may enter no path, yet the folder that it stands in.
        there = "/proc/self/cwd" if self._account and sys.platform == "linux" else str(cluster)
        return self._spawn([str(self._binaries / program), "-D", there, *options], cwd=cluster)

    def _answers(self) -> bool:
        """Read what the server writes into its own pid file, as ``pg_ctl`` does: the state is on line 8."""
        with suppress(FileNotFoundError, NoServerError):
            lines = (self._data / self.pid_file).read_text().splitlines()
            return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]
        return False


class _Redis(Server):
    name = "Redis"
    pid_file = "redis.pid"
    parting = signal.SIGTERM

    def __init__(self, state: Path, *, port: int, binary: Path) -> None:
        super().__init__(state, port=port)
        self._binary = binary

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start it with the configuration on stdin, so that the password is in no argument and no second file."""
        if not self._data.exists():
            self._make_data(self._data)
        process = self._spawn([str(self._binary), "-"], cwd=self._data, stdin=subprocess.PIPE)
        if process.stdin:
            with process.stdin as configuration:
                configuration.write(self._configuration().encode())
        return process

    def _configuration(self) -> str:
        return f"""
            bind 127.0.0.1
            port {self.port}
            requirepass {self._password}
            pidfile {self.pid_file}
            appendonly yes
            appendfsync everysec
            save ""
            maxmemory-policy noeviction
        """

    def _answers(self) -> bool:
        with suppress(RedisError), Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            return bool(client.ping())
        return False


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def alone(state: Path, otherwise: str) -> Iterator[None]:
    """Keep every other process off the folder: Redis itself would not notice a second server on its files.

    Raises NoServerError with what is to be said ``otherwise``.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(state, os.O_RDONLY)
    try:
        _lock(folder, otherwise)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, otherwise: str) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NoServerError(otherwise) from None
