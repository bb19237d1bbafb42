"""The whole system in one folder, started in order and stopped in reverse order, and its environment."""

import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr, ValidationError

from config.settings import MISSING, Settings, problems
from local import servers
from local.processes import ROOT, Child, Log, Process, commands
from models.connections.vault import Vault
from models.database import Database, migrate

DEFAULT_PORTS = {"web": 8000, "flower": 5555, "moment": 8101, "twentyfour": 8102, "mail": 8103, "smtp": 8104}
SANDBOX_PAGES = ("moment", "twentyfour", "mail")
START_SECONDS = 60
PROGRESS_SECONDS = 2

ACTOR = "make run"
"""The actor in the audit log for what is done on this machine without a person."""

SECRETS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEYS": lambda: Fernet.generate_key().decode(),
    "FLOWER_BASIC_AUTH": lambda: f"admin:{secrets.token_hex(12)}",
}
"""How each secret is generated if there is none."""


class NotRunningError(Exception):
    """A part of the system did not start, or a command failed; the message has the details."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start, and where.

    ``state`` is the folder for all data, created if missing. Servers that DATABASE_URL and REDIS_URL in
    ``environ`` name are used, not started. With ``sandbox``, Moment, 24SevenOffice and the mail server are the
    sandbox's. With ``temporary``, any free ports will do, and PostgreSQL's data need not survive a crash of the
    machine.
    """

    state: Path
    environ: Mapping[str, str]
    sandbox: bool = True
    temporary: bool = False


class Stack:
    """The system on this machine: its URLs, and its parts by name in starting order."""

    def __init__(self, plan: Plan, *, log: Log) -> None:
        self.plan = plan
        self._log = log
        preferred = [0 if plan.temporary else port for port in DEFAULT_PORTS.values()]
        self._ports = dict(zip(DEFAULT_PORTS, servers.free_ports(*preferred), strict=True))
        self.addresses = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self.addresses["smtp"] = f"smtp://127.0.0.1:{self._ports['smtp']}"
        self.environment: dict[str, str] = {}
        self.parts: dict[str, Child] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the whole system until the block ends. Raises NoServerError or NotRunningError."""
        state = self.plan.state
        state.mkdir(parents=True, exist_ok=True)
        with ExitStack() as cleanup:
            refusal = f"`make run` is running already in {state}; stop it there first."
            cleanup.enter_context(servers.lock_folder(state, refusal))
            self._start_servers(cleanup)
            self._start_processes(cleanup)
            self.wait_until_ready()
            yield

    def database(self) -> Database:
        """Open the database, for one user at a time, who closes it."""
        return Database(SecretStr(self.environment["DATABASE_URL"]), pool_size=1)

    def vault(self) -> Vault:
        """Return the vault of its encrypted data."""
        return Vault([SecretStr(key) for key in self.environment["SECRET_KEYS"].split(",")])

    def command(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Return the output of a command with ``more`` environment. Raises NotRunningError if it fails."""
        command = [sys.executable, "-m", "worker", *arguments]
        return output(command, cwd=ROOT, env=self.environment | dict(more or {}))

    def command_lines(self) -> dict[str, tuple[str, ...]]:
        """The arguments after ``python -m`` of each process, in starting order."""
        ports, state = self._ports, self.plan.state
        ours = commands(
            host="127.0.0.1", web_port=ports["web"], flower_port=ports["flower"], schedule=state / "beat"
        )
        if not self.plan.sandbox:
            return ours
        options = [f"--{name}-port={ports[name]}" for name in (*SANDBOX_PAGES, "smtp")]
        return {"sandbox": ("sandbox", *options, f"--keep={state / 'sandbox'}"), **ours}

    def pages(self) -> list[str]:
        lines = self.command_lines()
        return [each for each in DEFAULT_PORTS if each in lines or ("sandbox" in lines and each in SANDBOX_PAGES)]

    def _start_servers(self, cleanup: ExitStack) -> None:
        plan = self.plan
        made = load_or_create_secrets(plan.state / "secrets.env")
        made |= {"PUBLIC_URL": self.addresses["web"], "LOG_FORMAT": "text"}
        if "DATABASE_URL" not in plan.environ:
            self._log("local", "Starting PostgreSQL ...")
            port = 0 if plan.temporary else servers.POSTGRES_PORT
            postgres = servers.postgres(plan.state / "postgres", port=port, durable=not plan.temporary)
            self.parts["postgres"] = server = cleanup.enter_context(postgres)
            made["DATABASE_URL"] = server.url
        if "REDIS_URL" not in plan.environ:
            self._log("local", "Starting Redis ...")
            redis = servers.redis(plan.state / "redis", port=0 if plan.temporary else servers.REDIS_PORT)
            self.parts["redis"] = server = cleanup.enter_context(redis)
            made["REDIS_URL"] = server.url
        to_sandbox = sandbox_settings(self.addresses) if plan.sandbox else {}
        self.environment = {**made, **plan.environ, **to_sandbox}
        write_values(plan.state / "environment", {name: self.environment[name] for name in made | to_sandbox})

    def _start_processes(self, cleanup: ExitStack) -> None:
        self._log("local", "Bringing the database up to date ...")
        try:
            migrate(SecretStr(self.environment["DATABASE_URL"]), self.vault())
        except InvalidToken:
            raise NotRunningError("None of the SECRET_KEYS can decrypt the stored secrets.") from None
        if self.plan.environ.get("RESTORED") == "1":
            self._log("restore", self.command("restore").strip())
        lines = self.command_lines()
        self._log("local", f"Starting {', '.join(lines)} ...")
        for name, arguments in lines.items():
            process = self.parts[name] = self._process(name, arguments)
            cleanup.callback(process.stop)
            process.start()

    def _process(self, name: str, arguments: Sequence[str]) -> Process:
        return Process(name, arguments, env=self.environment, log=self._log)

    def wait_until_ready(self) -> None:
        """Wait until every page responds. Raises NotRunningError."""
        pages = self.pages()
        now = time.monotonic()
        deadline, next_line = now + START_SECONDS, now + PROGRESS_SECONDS
        while pages := [page for page in pages if not _responds(self.addresses[page])]:
            for name, part in self.parts.items():
                if not part.alive:
                    part.stop()  # otherwise its last line may be lost
                    raise NotRunningError(f"{name} ended while it started: {part.last_line}")
            if time.monotonic() > deadline:
                raise NotRunningError(f"{', '.join(pages)} did not start; the lines above may say why.")
            if time.monotonic() > next_line:
                self._log("local", f"Waiting for {', '.join(pages)} ...")
                next_line += PROGRESS_SECONDS
            time.sleep(0.1)


def output(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float | None = None) -> str:
    """Return the output of a command that Ctrl-C does not reach. Raises NotRunningError if it fails or is slow."""
    try:
        done = subprocess.run(  # noqa: S603 - commands are our own, not a user's
            command,
            cwd=cwd,
            env=dict(env),
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise NotRunningError(f"{shlex.join(command)} took longer than {seconds:.0f} s.") from error
    if done.returncode:
        raise NotRunningError(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _responds(address: str) -> bool:
    with suppress(requests.RequestException), requests.Session() as session:
        session.trust_env = False  # no proxy for local addresses
        response = session.get(address, timeout=5, allow_redirects=False)
        return response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return False


def load_or_create_secrets(file: Path, makers: Mapping[str, Callable[[], str]] = SECRETS) -> dict[str, str]:
    """Return the secrets in a file, and generate those that are missing. Only its owner can read the file."""
    known = read_values(file) if file.exists() else {}
    if missing := {name: make() for name, make in makers.items() if name not in known}:
        known |= missing
        write_values(file, known)
    return {name: known[name] for name in makers}


def write_values(file: Path, values: Mapping[str, str]) -> None:
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def read_values(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def find_wrong_settings(environ: Mapping[str, str]) -> list[str]:
    """Return a line for each wrong setting, without its value."""
    given = {name.lower(): value for name, value in environ.items() if name.lower() in Settings.model_fields}
    try:
        Settings.model_validate(given)
    except ValidationError as error:
        return [each for each in problems(error) if not each.startswith(MISSING)]  # missing ones are generated
    return []


def sandbox_settings(addresses: Mapping[str, str]) -> dict[str, str]:
    return {
        "PUBLIC_URL": addresses["web"],
        "MOMENT_URL": f"{addresses['moment']}/api/1.0",
        "MOMENT_RECORD_URL": addresses["moment"] + "/?company={company}#{kind}-{id}",
        "MOMENT_PROJECT_URL": "",  # in the sandbox, projects open by id like other records
        "TWENTYFOUR_RECORD_URL": addresses["twentyfour"] + "/#{kind}{year}-{number}",
        "TWENTYFOUR_API_URL": addresses["twentyfour"],
        "TWENTYFOUR_WEB_URL": addresses["twentyfour"],
        "SMTP_URL": addresses["smtp"],
        "RECEIVER_PRIVATE_NETWORKS": "true",  # so that events can be tried on this machine
    }
