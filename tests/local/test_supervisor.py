from dataclasses import dataclass, field

from local.processes import Child
from local.run import FIRST_RESTART_SECONDS, MAX_RESTART_SECONDS, STABLE_SECONDS, Supervisor
from local.servers import NoServerError


@dataclass
class Program(Child):
    """A program that starts at once, or not at all."""

    name: str = "worker"
    alive: bool = True
    broken: bool = False
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        if self.broken:
            raise NoServerError("No room on the disk.")
        self.alive = True


@dataclass
class Watch:
    """A supervisor of one program, with a simulated clock."""

    program: Program = field(default_factory=Program)
    seconds: float = 0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            [self.program], log=lambda name, text: self.said.append(f"{name}: {text}"), clock=lambda: self.seconds
        )

    def passes(self, seconds: float) -> None:
        self.supervisor.check()
        self.seconds += seconds
        self.supervisor.check()


def test_a_running_process_is_left_alone() -> None:
    watch = Watch()
    watch.passes(1000)
    assert watch.program.starts == 0


def test_a_dead_process_restarts_after_a_pause() -> None:
    watch = Watch(Program(alive=False))
    watch.passes(FIRST_RESTART_SECONDS / 2)
    assert not watch.program.alive
    watch.passes(FIRST_RESTART_SECONDS / 2)
    assert watch.program.alive
    assert watch.said == ["worker: exited unexpectedly; restarting in 0.5 s"]


def test_the_pause_grows_to_a_limit_while_the_process_keeps_dying() -> None:
    watch = Watch(Program(alive=False, broken=True))
    for _ in range(10):
        watch.passes(MAX_RESTART_SECONDS)
    pauses = [text.rsplit(" ", 2)[1] for text in watch.said if "restarting in" in text]
    assert pauses == ["0.5", "1", "2", "4", "8", "16", "30", "30", "30", "30"]


def test_the_pause_is_short_again_after_a_steady_time() -> None:
    watch = Watch(Program(alive=False))
    watch.passes(FIRST_RESTART_SECONDS)
    watch.passes(STABLE_SECONDS + 1)
    watch.program.alive = False
    watch.passes(FIRST_RESTART_SECONDS)
    assert watch.program.alive


def test_a_process_that_cannot_start_says_why_and_is_retried() -> None:
    watch = Watch(Program(alive=False, broken=True))
    watch.passes(FIRST_RESTART_SECONDS)
    assert watch.said[-1] == "worker: No room on the disk."
    watch.program.broken = False
    watch.passes(MAX_RESTART_SECONDS)
    assert watch.program.alive
