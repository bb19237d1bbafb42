"""``make run``: the whole system until Ctrl-C, with one log."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock

from local import admin_user, demo_company
from local.child_processes import end_on_signals
from local.stack import USUAL_PORTS, Plan, Stack
from local.supervisor import Supervisor

printing = Lock()


def run(plan: Plan) -> None:
    """Start everything, tell where it is, and keep it running until SIGINT, SIGTERM or SIGHUP.

    Raises NoServerError or NotRunningError where a part cannot start; what had started is stopped again.
    """
    end_on_signals()
    stack = Stack(plan, say=say)
    with suppress(KeyboardInterrupt), stack.running():
        now = datetime.now(UTC)
        if plan.sandbox:
            demo_company.connect(stack, address=demo_company.new_address(stack, now=now))
        sign_in = admin_user.create(stack, now=now)
        lines = ["Everything runs; Ctrl-C stops it.", *_addresses(stack), *_taken(stack), sign_in, _secrets(stack)]
        say("local", "\n".join(lines))
        if plan.sandbox:
            say("local", "Try it: make a customer in Moment, and see it arrive in 24SevenOffice.")
            show(demo_company.curl_lines(stack.addresses))
        _keep_running(stack)
    say("local", "Everything is stopped.")


def _keep_running(stack: Stack) -> None:
    supervisor = Supervisor(stack.parts.values(), say=say, clock=time.monotonic)
    try:
        while True:
            supervisor.tend()
            time.sleep(0.2)
    except KeyboardInterrupt:
        say("local", "Stopping; work in hand is finished first.")


def say(name: str, text: str) -> None:
    """Print lines in the name of a process."""
    with printing:
        for line in text.splitlines():
            sys.stdout.write(f"{name:<8} | {line}\n")
        sys.stdout.flush()


def show(text: str) -> None:
    """Print lines that are there to be copied, hence in nobody's name."""
    with printing:
        sys.stdout.write(text)
        sys.stdout.flush()


def _pages(stack: Stack) -> dict[str, str]:
    pages = {"web": "Overview and webhooks", "flower": "Flower, the workers' log of tasks"}
    if stack.plan.sandbox:
        pages |= {
            "moment": "Moment (sandbox)",
            "twentyfour": "24SevenOffice (sandbox)",
            "mail": "Mailbox (sandbox)",
        }
    return pages


def _addresses(stack: Stack) -> Iterator[str]:
    for name, title in _pages(stack).items():
        yield f"  {stack.addresses[name]:<24} {title}"


def _taken(stack: Stack) -> Iterator[str]:
    for name, title in _pages(stack).items():
        usual, address = USUAL_PORTS[name], stack.addresses[name]
        if not address.endswith(f":{usual}"):
            yield f"Port {usual} is taken by another program, hence {address} for: {title}"


def _secrets(stack: Stack) -> str:
    kept = f"{stack.plan.state}/secrets.env"
    return f"The administrator's first password, Flower's and all else that is secret: {kept}"
