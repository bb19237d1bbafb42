"""The system of a chaotic day: two workers, no Flower, and whatever dies is started again."""

from __future__ import annotations

import time

from local.processes import Process
from local.servers import NoServer
from local.stack import Stack

OURS = {"worker.app": "tests.chaos.worker", "web.app:create_app": "tests.chaos.web:create_app"}
WORKERS = ("worker", "worker 2")


class ChaosStack(Stack):
    """Runs the processes that hurry and die in the place of the product's own."""

    def command_lines(self) -> dict[str, tuple[str, ...]]:
        usual = super().command_lines()
        del usual["flower"]
        lines = {name: tuple(OURS.get(word, word) for word in line) for name, line in usual.items()}
        return {**lines, "worker 2": lines["worker"]}

    def second_beat(self) -> Process:
        """Make a beat beside the one that there should be."""
        *beat, schedule = self.command_lines()["beat"]
        return Process("beat 2", (*beat, f"{schedule}-2"), env=self.environment, say=self._say)

    def kill(self) -> None:
        """Kill everything at once, for a day that is over has nothing to finish."""
        for part in reversed(self.parts.values()):
            part.kill()


class Doctor:
    """Starts again what is dead, when it has been so for as long as it was told, or at once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._due: dict[str, float] = {}

    def let_lie(self, name: str, seconds: float) -> None:
        """Leave a part dead for some seconds."""
        self._due[name] = time.monotonic() + seconds

    def tend(self) -> None:
        """Look after all parts; call it several times a second."""
        for name, part in self._stack.parts.items():
            if not part.alive and time.monotonic() >= self._due.get(name, 0):
                try:
                    part.start()
                except NoServer:  # its port may still be held
                    self.let_lie(name, 1)

    def all_well(self) -> bool:
        """Tell whether every part lives."""
        return all(part.alive for part in self._stack.parts.values())
