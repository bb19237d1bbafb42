"""One seed: the system in a temporary folder, a day full of faults, the recovery after it, and the verdict."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from config.settings import Settings
from local.processes import Log
from local.stack import Plan
from models.database import DatabaseUnavailableError
from tests.chaos import purchases
from tests.chaos.company import CREDENTIALS, RemoteSystems
from tests.chaos.crashes import CUT_OFF, Crashes
from tests.chaos.day import Day
from tests.chaos.faults import Event, Troubles
from tests.chaos.operators import Operators
from tests.chaos.processes import environment
from tests.chaos.stack import ChaosStack, Restarter
from tests.chaos.user_changes import People
from tests.chaos.verdict import CLIENT_ID, Verdict, judge
from worker.container import Container, clock

DELIVERY_FAULTS = {"lose": 0.15, "double": 0.3, "delay_seconds": (0, 2.5)}
SILENCES = 2, 25
"""How soon a connection to PostgreSQL is given up: while a host is cut off, or not before it is back."""

EVENING_SECONDS = 6
"""How long after the day planned faults may still happen."""

CALM_SECONDS = 60
"""How long the recovery after that may take."""


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """A day to be played, with one ``seed`` for all random generators.

    A ``size`` of 1 is about fifty events and forty faults. ``mistakes`` are names of
    :mod:`tests.chaos.planted_bugs`, besides those of the seed.
    """

    seed: int
    seconds: float = 16
    size: float = 1
    mistakes: tuple[str, ...] = ()

    def rng(self, whose: str) -> Random:
        """Make a separate random generator, so that what others draw does not change it."""
        return Random(f"{self.seed} {whose}")  # noqa: S311 - the same day for the same seed


@dataclass(frozen=True, kw_only=True)
class Played:
    """The result of a day: what went wrong by kind, what was not right afterwards, and how long it took.

    ``longest`` is the longest time in seconds that a writing call took until it was done, and ``left_out`` says
    which faults this machine does not allow, and why.
    """

    seed: int
    faults: Counter[str]
    verdict: Verdict
    seconds: float
    longest: float
    left_out: str = ""


def play(chaos: Chaos, *, log: Log) -> Played:
    """Play a day. Raises NoServerError or NotRunningError if the system does not even start.

    With most seeds, 24SevenOffice does not refuse a second voucher for an invoice, so that only the integration
    prevents it.
    """
    began = time.monotonic()
    guarded = chaos.rng("guard").random() < 0.3 and not chaos.mistakes
    mistakes = chaos.mistakes if guarded else (*chaos.mistakes, "guard off")
    silence = chaos.rng("silence").choice(SILENCES)
    with TemporaryDirectory() as folder, _running(Path(folder), mistakes, silence, log) as (stack, container):
        day = _ChaoticDay(chaos, stack, container)
        verdict = day.play(voucher_number="moment" if guarded else "series")
        faults, longest = day.counted(), day.troubles.longest()
        left_out = f"{CUT_OFF}: {stack.no_hosts}" if stack.no_hosts else ""
        stack.kill()
    return Played(
        seed=chaos.seed,
        faults=faults,
        verdict=verdict,
        seconds=time.monotonic() - began,
        longest=longest,
        left_out=left_out,
    )


@contextmanager
def _running(
    folder: Path, mistakes: Iterable[str], silence: int, log: Log
) -> Iterator[tuple[ChaosStack, Container]]:
    """Run the system, with access for its operators."""
    others = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    environ = others | environment(folder, mistakes, silence=silence)
    stack = ChaosStack(Plan(state=folder, environ=environ, temporary=True), log=log)
    with stack.running():
        container = Container(
            Settings.model_validate({name.lower(): value for name, value in stack.environment.items()})
        )
        yield stack, container
        container.close()


class _ChaoticDay:
    """Plays a day on the running system, waits until nothing is pending, and judges the result."""

    def __init__(self, chaos: Chaos, stack: ChaosStack, container: Container) -> None:
        self._chaos = chaos
        self._remotes = RemoteSystems(stack.addresses)
        self._restarter, self._operators = Restarter(stack), Operators(container, self._remotes)
        self._people = People(container, lambda: self._operators.connection_id, rng=chaos.rng("people"))
        self._day = Day(self._remotes, rng=chaos.rng("day"))
        crashes, rng = Crashes(stack.plan.state), chaos.rng("troubles")
        self.troubles = Troubles(stack, self._restarter, crashes, self._remotes, rng=rng)

    def play(self, *, voucher_number: str) -> Verdict:
        morning = clock()
        settings = {"client_id": CLIENT_ID, "voucher_number": voucher_number, **CREDENTIALS, **purchases.SETTINGS}
        self._remotes.listen(self._operators.connect(**settings))
        self._day.open()
        self._wait_until_idle(lambda: [] if self._remotes.records("projects") else ["the first project"])
        self._play_events()
        left = self._wait_until_idle(self._not_received_since_now())
        self._repeat_all_webhooks_and_polls(since=morning)
        left += self._wait_until_idle(self._not_received_since_now())
        verdict = judge(self._remotes, self._operators, self._day, happened=self.counted())
        verdict.needs_attention += left
        return verdict

    def _play_events(self) -> None:
        chaos = self._chaos
        plans = (
            each.plan(seconds=chaos.seconds, size=chaos.size) for each in (self._day, self._people, self.troubles)
        )
        events = sorted((event for plan in plans for event in plan), key=lambda event: event[0])
        self._set_delivery_faults(**DELIVERY_FAULTS)
        self._run(events)
        self._set_delivery_faults()
        self._tend_processes_while(self.troubles.pending, seconds=EVENING_SECONDS)
        self.troubles.end()
        self._put_back()

    def _put_back(self) -> None:
        """Revert what people changed temporarily, as soon as the database responds."""
        back: list[bool] = []

        def waits() -> bool:
            with suppress(DatabaseUnavailableError):
                self._people.put_back()
                back.append(True)
            return not back

        self._tend_processes_while(waits, seconds=CALM_SECONDS)

    def counted(self) -> Counter[str]:
        """Return everything that happened so far, by kind."""
        return self.troubles.counted() + self._people.done

    def _run(self, events: Iterable[Event]) -> None:
        began = time.monotonic()
        for at, act in events:
            self._tend_processes_while(lambda: True, seconds=began + at - time.monotonic())
            act()

    def _tend_processes_while(self, goes_on: Callable[[], bool], *, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and goes_on():
            self._restarter.tend()
            self.troubles.tend()
            time.sleep(0.05)

    def _wait_until_idle(self, not_received: Callable[[], list[str]]) -> list[str]:
        """Wait until nothing is pending; return what is still pending at the time-out."""
        left: list[str] = []

        def look() -> bool:
            left[:] = self._pending(not_received)
            return bool(left)

        self._tend_processes_while(look, seconds=CALM_SECONDS)
        return left

    def _pending(self, not_received: Callable[[], list[str]]) -> list[str]:
        try:
            self._operators.retry_what_needs_attention(self._day.refused, self.counted)
            return [*not_received(), *self._operators.unfinished()]
        except DatabaseUnavailableError:
            return ["the database is away"]

    def _not_received_since_now(self) -> Callable[[], list[str]]:
        """Return a function that says what the integration has not received or polled since now."""
        now = clock()
        return lambda: [*self._operators.unpolled(now), *self._webhooks_under_way()]

    def _webhooks_under_way(self) -> list[str]:
        waiting = [each for each in self._remotes.deliveries() if each["state"] == "waiting"]
        return [f"on its way: {each['body']}" for each in waiting]

    def _repeat_all_webhooks_and_polls(self, *, since: datetime) -> None:
        """Send all webhooks again, and poll everything again; nothing may change."""
        for each in self._remotes.deliveries():
            self._remotes.notify(each["body"])
        self._operators.poll_again(since=since)

    def _set_delivery_faults(self, **faults: object) -> None:
        self._remotes.control("moment", "PUT", "deliveries", {**faults, "seed": self._chaos.seed})
