"""``make run``: the whole system until Ctrl-C, with one log and a supervisor that restarts dead processes."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import click

from local import demo_company
from local.processes import Child, Log, end_on_signals
from local.servers import NoServerError
from local.stack import ACTOR, DEFAULT_PORTS, Plan, Stack, load_or_create_secrets
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "ADMIN_PASSWORD"  # noqa: S105 - its name among the secrets
PAGES = {
    "web": "Overview and webhooks",
    "flower": "Flower, the workers' log of tasks",
    "moment": "Moment (sandbox)",
    "twentyfour": "24SevenOffice (sandbox)",
    "mail": "Mailbox (sandbox)",
}

FIRST_RESTART_SECONDS = 0.5
MAX_RESTART_SECONDS = 30.0
STABLE_SECONDS = 60.0

print_lock = Lock()


def run(plan: Plan) -> None:
    """Start everything, and keep it running until a signal. Raises NoServerError or NotRunningError."""
    end_on_signals()
    stack = Stack(plan, log=log)
    with suppress(KeyboardInterrupt), stack.running():
        now = datetime.now(UTC)
        if plan.sandbox:
            demo_company.connect(stack, address=demo_company.create_webhook_url(stack, now=now))
        sign_in = _create_administrator(stack, now=now)
        file = plan.state / "secrets.env"
        secrets_line = f"The secrets, such as the first passwords for the administrator and Flower, are in {file}"
        addresses = (f"  {stack.addresses[name]:<24} {PAGES[name]}" for name in stack.pages())
        heading = "Everything is running. Press Ctrl-C to stop it."
        lines = [heading, *addresses, *_explain_other_ports(stack), sign_in, secrets_line]
        log("local", "\n".join(lines))
        if plan.sandbox:
            log("local", "Try it: create a customer in Moment, and see it arrive in 24SevenOffice.")
            with print_lock:
                click.echo(demo_company.curl_lines(stack.addresses), nl=False)
        _keep_running(stack)
    log("local", "Everything is stopped.")


def _keep_running(stack: Stack) -> None:
    supervisor = Supervisor(stack.parts.values(), log=log, clock=time.monotonic)
    try:
        while True:
            supervisor.check()
            time.sleep(0.2)
    except KeyboardInterrupt:
        log("local", "Stopping after finishing the work in progress.")


def log(name: str, text: str) -> None:
    with print_lock:
        for line in text.splitlines():
            click.echo(f"{name:<8} | {line}")


def _create_administrator(stack: Stack, *, now: datetime) -> str:
    """Create the first administrator if there are no users, and return how to sign in."""
    maker = {ADMIN_PASSWORD: lambda: secrets.token_urlsafe(12)}
    password = load_or_create_secrets(stack.plan.state / "secrets.env", maker)[ADMIN_PASSWORD]
    with closing(stack.database()) as database:
        if users.all_users(database):
            return f"Sign in as {ADMIN_EMAIL} or another user."
        rights = Rights(Role.ADMINISTRATOR, Scope())
        user = users.add(database, ADMIN_EMAIL, rights, password=password, actor=ACTOR, now=now)
        users.keep_password(database, user.id)  # no person chose it: it is this installation's own secret
    return f"Sign in as {ADMIN_EMAIL} with the password {password}."


def _explain_other_ports(stack: Stack) -> Iterator[str]:
    for name in stack.pages():
        usual, address = DEFAULT_PORTS[name], stack.addresses[name]
        if not address.endswith(f":{usual}"):
            yield f"Port {usual} is in use by another program, so {PAGES[name]} is at {address}"


@dataclass(kw_only=True)
class _Restarts:
    child: Child
    started_at: float
    pause: float = FIRST_RESTART_SECONDS
    due: float | None = None


class Supervisor:
    """Restarts processes that have died. ``clock`` counts seconds and never goes back."""

    def __init__(self, children: Iterable[Child], *, log: Log, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._restarts = [_Restarts(child=child, started_at=clock()) for child in children]

    def check(self) -> None:
        """Restart dead processes after their pause. Call this several times a second."""
        for restarts in self._restarts:
            if restarts.child.alive:
                if self._clock() - restarts.started_at > STABLE_SECONDS:
                    restarts.pause = FIRST_RESTART_SECONDS
            elif restarts.due is None:
                self._log(restarts.child.name, f"exited unexpectedly; restarting in {restarts.pause:g} s")
                restarts.due = self._clock() + restarts.pause
                restarts.pause = min(restarts.pause * 2, MAX_RESTART_SECONDS)
            elif self._clock() >= restarts.due:
                self._start(restarts)

    def _start(self, restarts: _Restarts) -> None:
        restarts.due = None
        restarts.started_at = self._clock()
        try:
            restarts.child.start()
        except NoServerError as error:
            self._log(restarts.child.name, str(error))
