"""The faults of a chaotic day: chosen at random with a seed, applied to the running system, counted where they hit."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from random import Random
from threading import Thread
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from local.processes import Process
from tests.chaos.clocks import HostClock
from tests.chaos.company import RemoteSystems
from tests.chaos.crashes import CUTS, POINTS, STOPS, VOUCHERS, Crashes, Point
from tests.chaos.hosts import Cables
from tests.chaos.short_timeouts import LEASE_SECONDS
from tests.chaos.stack import WORKERS, ChaosStack, Restarter

Event = tuple[float, Callable[[], None]]

SYSTEMS = ("moment", "twentyfour")
OUTCOME_UNKNOWN = ("lose_response", "save_then_error", "truncated", "slow", "hang", "error_500")
"""Faults that leave the outcome of a call unknown."""
ANYWHERE = (*OUTCOME_UNKNOWN, "error_503", "too_many", "fault", "garbage", "html")
OF_MOMENT = (
    "GET customers",
    "GET projects",
    "GET invoices",
    "PATCH customers",
    "GET projectExpenses",
    "POST projectExpenses",
    "POST projectExpenses/attachments",
)
FAULTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("moment", OF_MOMENT, ANYWHERE),
    ("twentyfour", ("*",), (*ANYWHERE, "lose_session")),
    ("twentyfour", ("SaveCompanies", "SaveProject"), OUTCOME_UNKNOWN[:4]),
    ("twentyfour", ("SaveBundleList",), (*OUTCOME_UNKNOWN[:4], "refuse", "save_then_refuse")),
)
"""The faults of each operation of a system, each once in a long day."""

REFUSALS = ("SystemError", "SystemError", "Exception", "NotSaved")
SLOW, LONGER_THAN_ANY_TIMEOUT = 0.4, 1.6
POINTS_ARMED, PROCESS_FAULTS, CUTS_ARMED, STOPS_ARMED = 7, 6, 2, 2
SILENCE_SECONDS = 3, 6
"""How long a system does not respond: long enough for the breaker to open, and for an alert to be due."""

WRONG_CLOCKS = 217, -217, 1000, 45, -45
"""How far ahead the clock of a host is set, in seconds: usually too far for it to sync anything."""

CUT_SECONDS = LEASE_SECONDS + 1, LEASE_SECONDS + 4
"""How long a host is cut off: longer than a lease of its worker lasts."""


class Troubles:
    """Applies faults to a running system, with a random generator of its own.

    Args:
        stack: the system.
        restarter: decides how long a killed process stays dead.
        crashes: the crash points of its processes.
        remotes: where the faults of both remote systems are set.
        rng: the random generator of the faults alone.
    """

    def __init__(
        self, stack: ChaosStack, restarter: Restarter, crashes: Crashes, remotes: RemoteSystems, *, rng: Random
    ) -> None:
        self._stack, self._restarter, self._crashes, self._remotes, self._rng = (
            stack,
            restarter,
            crashes,
            remotes,
            rng,
        )
        self._cables = Cables(stack.hosts, crashes.wishes, seconds=partial(rng.uniform, *CUT_SECONDS))
        self._second_beat: Process | None = None
        self._done: Counter[str] = Counter()

    def plan(self, *, seconds: float, size: float) -> Iterator[Event]:
        """Choose a day's faults and the second at which each begins; ``size`` 1 is about forty."""
        rng = self._rng
        for system, operations, kinds in FAULTS:
            for kind in rng.sample(kinds, round(len(kinds) * size)):
                yield rng.uniform(0, seconds * 0.8), self._fault(system, rng.choice(operations), kind)
        for point in rng.sample(POINTS, round(POINTS_ARMED * size)):
            arm = partial(self._crashes.arm, point, skip=rng.choice((0, 0, 1)))
            yield rng.uniform(0, seconds / 2), arm
        for point in rng.sample(STOPS, max(1, round(STOPS_ARMED * size))):
            yield rng.uniform(0, 0 if point.sending else seconds / 2), partial(self._crashes.arm, point, skip=0)
        for fault in rng.sample(self._process_faults(), round(PROCESS_FAULTS * size)):
            yield rng.uniform(0, seconds), fault
        for point in rng.sample(CUTS, max(1, round(CUTS_ARMED * size))):
            latest = 0 if point.sending else seconds / 2  # a whole day's vouchers may leave in a few calls
            yield rng.uniform(0, latest), partial(self._arm_a_cut, point)
        for system in rng.sample(SYSTEMS, max(1, round(len(SYSTEMS) * size))):
            lasts = rng.uniform(*SILENCE_SECONDS) * size
            yield rng.uniform(0, seconds * 0.7), partial(self._silence, system, lasts)
        for host in rng.choice(((WORKERS[-1],), ("beat",), (WORKERS[-1], "beat"))):
            wrong = partial(self._set_clock, host, rng.choice(WRONG_CLOCKS))
            yield rng.uniform(0, seconds * 0.7), wrong

    def tend(self) -> None:
        """Cut off and reconnect hosts; call it several times a second."""
        self._cables.tend()

    def pending(self) -> bool:
        """Return whether a fault has not happened yet, or a host is cut off."""
        return self._cables.pending() or any(self._faults(system)["pending"] for system in SYSTEMS)

    def end(self) -> None:
        """Remove all faults from both systems, and disarm all points."""
        for system in SYSTEMS:
            self._remotes.control(system, "DELETE", "faults")
        self._crashes.disarm()
        self._cables.end()
        if self._second_beat:
            self._second_beat.stop()
            self._second_beat = None

    def counted(self) -> Counter[str]:
        """Count the faults that have happened so far, by kind."""
        deliveries = self._remotes.deliveries()
        lost = Counter({"notification lost": sum(each["state"] == "lost" for each in deliveries)})
        played = sum((Counter[str](self._faults(system)["played"]) for system in SYSTEMS), Counter[str]())
        return self._done + played + self._crashes.reached() + lost

    def longest(self) -> float:
        """Return the longest time in seconds that a writing call took until it was done."""
        times = self._remotes.control("twentyfour", "GET", "longest")
        writes = (seconds for operation, seconds in times.items() if operation.startswith("Save"))
        return float(max(writes, default=0))

    def _faults(self, system: str) -> dict[str, Any]:
        return dict(self._remotes.control(system, "GET", "faults"))

    def _fault(self, system: str, operation: str, kind: str) -> Callable[[], None]:
        more: dict[str, Any] = {"seconds": 1}
        if kind in {"slow", "hang"}:
            more["seconds"] = self._rng.choice((SLOW, LONGER_THAN_ANY_TIMEOUT))
        if "refuse" in kind:
            more |= {"result": self._rng.choice(REFUSALS), "times": self._rng.choice((1, 2))}
        mishap = {"operation": operation, "kind": kind, **more}
        return partial(self._remotes.control, system, "POST", "faults", mishap)

    def _silence(self, system: str, seconds: float) -> None:
        """Make a system hang: it responds to no call, and saves nothing."""
        silence = {"kind": "hang", "lasts": seconds, "seconds": LONGER_THAN_ANY_TIMEOUT}
        self._remotes.control(system, "POST", "faults", silence)
        self._done[f"hung for everybody: {system}"] += 1

    def _set_clock(self, host: str, ahead: float) -> None:
        """Set the clock of a host; it stays so until the day is over."""
        HostClock(self._stack.plan.state, host).set(ahead)
        self._done[f"clock of {host} {ahead:+} s"] += 1

    def _arm_a_cut(self, point: Point) -> None:
        """Arm the cut-off of a host at a point; if the call must still be under way then, slow it down."""
        if point.meanwhile:
            slow = {"operation": VOUCHERS.decode(), "kind": "slow", "seconds": SLOW}
            self._remotes.control("twentyfour", "POST", "faults", slow)
        self._crashes.arm(point, skip=0)

    def _process_faults(self) -> list[Callable[[], None]]:
        return [
            *(partial(self._kill, name) for name in (*WORKERS, "web", "beat", "redis", "postgres")),
            *(partial(self._stop, name) for name in WORKERS[:1]),
            self._restart_postgres,
            self._empty_redis,
            self._empty_redis,
            self._start_second_beat,
        ]

    def _kill(self, name: str) -> None:
        part = self._stack.parts[name]
        if part.alive:
            self._restarter.delay_restart(name, self._rng.uniform(0, 1.5))
            part.kill()
            self._done[f"killed: {name.rstrip(' 2')}"] += 1

    def _stop(self, name: str) -> None:
        part = self._stack.parts[name]
        if part.alive:
            Thread(target=part.stop, daemon=True).start()
            self._done["told to stop: worker"] += 1

    def _restart_postgres(self) -> None:
        if self._stack.parts["postgres"].alive:
            self._stack.parts["postgres"].stop()
            self._done["restarted: postgres"] += 1

    def _empty_redis(self) -> None:
        with suppress(RedisError), Redis.from_url(self._stack.environment["REDIS_URL"]) as redis:
            redis.flushall()
            self._done["emptied: redis"] += 1

    def _start_second_beat(self) -> None:
        self._second_beat = self._stack.second_beat()
        self._second_beat.start()
        self._done["two beats"] += 1
