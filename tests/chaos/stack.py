"""The system of a chaotic day: two workers, each on its own host, no Flower, and dead processes are restarted."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack

from local.processes import Process
from local.servers import NoServerError, Server
from local.stack import Stack
from tests.chaos.clocks import CLOCK_OF
from tests.chaos.hosts import NAME, NETWORK, Host, NoHostsError, hosts

OURS = {"worker.celery_app": "tests.chaos.worker", "worker.beat": "tests.chaos.beat"}
WORKERS = ("worker", "worker 2")


class ChaosStack(Stack):
    """Runs the processes of a chaotic day in place of the product's own.

    ``hosts`` has the host of each worker. If the machine does not allow hosts, it is empty, and ``no_hosts`` says
    why.
    """

    hosts: dict[str, Host]
    no_hosts = ""

    def command_lines(self) -> dict[str, tuple[str, ...]]:
        usual = super().command_lines()
        del usual["flower"]
        lines = {name: tuple(OURS.get(word, word) for word in line) for name, line in usual.items()}
        lines["web"] = (*lines["web"], "--app", "tests.chaos.web:create_app")
        return {**lines, "worker 2": lines["worker"]}

    def second_beat(self) -> Process:
        """Start a second beat beside the first."""
        *beat, schedule = self.command_lines()["beat"]
        return Process("beat 2", (*beat, f"{schedule}-2"), env=self.environment, log=self._log)

    def _start_servers(self, cleanup: ExitStack) -> None:
        super()._start_servers(cleanup)
        try:
            self.hosts = hosts(WORKERS)
        except NoHostsError as error:
            self.hosts, self.no_hosts = {}, str(error)
        for host in self.hosts.values():
            cleanup.callback(host.close)
        if not self.hosts:
            return
        postgres = self.parts["postgres"]
        assert isinstance(postgres, Server)
        with (self.plan.state / "postgres" / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK} scram-sha-256\n")
        os.kill(postgres.pid, signal.SIGHUP)

    def _process(self, name: str, arguments: Sequence[str]) -> Process:
        env = {**self.environment, CLOCK_OF: name}
        if not (host := self.hosts.get(name)):
            return Process(name, arguments, env=env, log=self._log)
        return Process(name, arguments, env={**env, NAME: name}, log=self._log, via=host.command())

    def kill(self) -> None:
        """Kill all processes at once; nothing has to be finished after the day."""
        for part in reversed(self.parts.values()):
            part.kill()


class Restarter:
    """Restarts dead processes, at once or after the time that was set for them."""

    def __init__(self, stack: ChaosStack) -> None:
        self._stack = stack
        self._due: dict[str, float] = {}

    def delay_restart(self, name: str, seconds: float) -> None:
        """Do not restart a process for some seconds."""
        self._due[name] = time.monotonic() + seconds

    def tend(self) -> None:
        """Check all processes; call it several times a second."""
        for name, part in self._stack.parts.items():
            if not part.alive and time.monotonic() >= self._due.get(name, 0):
                try:
                    part.start()
                except NoServerError:  # its port may still be held
                    self.delay_restart(name, 1)

    def all_well(self) -> bool:
        """Return whether every process runs."""
        return all(part.alive for part in self._stack.parts.values())
