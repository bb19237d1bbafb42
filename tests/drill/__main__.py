"""``make drill``: the runbook tried on this machine against the sandbox, and a report of each drill."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from config.settings import Settings
from local.demo import SALES
from local.processes import ROOT, Log, end_on_signals
from local.stack import Plan
from tests.chaos.processes import environment
from tests.drill import databases, parts, releases, remotes
from tests.drill.demo_system import WITHOUT_VAT, DemoSystem, NotHereError, Outcome
from tests.drill.report import FAILED, HEADING, LEFT_OUT, OK, Line, is_green, report_of, table_line
from tests.drill.stack import DrillStack

FOLDER = ROOT / "var" / "drill"
SILENCE_SECONDS = 2

Drill = Callable[[DemoSystem], Outcome]

OF_THIS_RELEASE: Sequence[Drill] = (
    parts.worker,
    parts.hung_worker,
    parts.beat,
    parts.web,
    parts.redis,
    parts.postgresql,
    parts.disk,
    parts.clock,
    remotes.remote,
    remotes.credentials,
    remotes.budget,
    remotes.mail,
    remotes.webhooks,
    databases.keys,
    databases.restore,
    databases.failover,
    remotes.doubled,
)
OF_FORMER_RELEASES: Sequence[Drill] = (releases.upgrade, releases.rollback, releases.previous)


def name_of(drill: Drill) -> str:
    return drill.__name__.replace("_", "-")


DRILLS: Mapping[str, Drill] = {name_of(each): each for each in (*OF_THIS_RELEASE, *OF_FORMER_RELEASES)}


@click.command()
@click.option("--only", default="", help="Play these alone, comma separated [all]")
def main(only: str) -> None:
    """Play the drills, and fail unless each record exists once afterwards and is exact to the øre."""
    end_on_signals()
    requested = list(filter(None, only.split(",")))
    if unknown := [name for name in requested if name not in DRILLS]:
        raise click.BadParameter(f"{', '.join(unknown)}: there are {', '.join(DRILLS)}", param_hint="--only")
    FOLDER.mkdir(parents=True, exist_ok=True)
    click.echo(HEADING)
    lines: list[Line] = []
    with (FOLDER / "log").open("w") as output:

        def log(name: str, line: str) -> None:
            print(f"{name:<8} | {line}", file=output, flush=True)

        for line in play_drills(requested or list(DRILLS), log=log):
            lines.append(line)
            click.echo(table_line(line))
            (FOLDER / "report.json").write_text(json.dumps(report_of(lines), indent=2, ensure_ascii=False) + "\n")
    click.echo(
        f"{len(lines)} drills in {sum(line.seconds for line in lines):.0f} s. The log of the processes: {FOLDER / 'log'}"
    )
    sys.exit(0 if is_green(lines) else 1)


def play_drills(names: Sequence[str], *, log: Log) -> Iterator[Line]:
    """Play drills one after the other on one stack; after a failed one, the next ones get a new stack."""
    yield from _play_on_one_stack([each for each in OF_THIS_RELEASE if name_of(each) in names], _this_release, log)
    yield from _play_on_one_stack(
        [each for each in OF_FORMER_RELEASES if name_of(each) in names], _former_release, log
    )


def _play_on_one_stack(drills: Sequence[Drill], source: Callable[[ExitStack], Path], log: Log) -> Iterator[Line]:
    remaining = list(drills)
    while remaining:
        with ExitStack() as cleanup:
            began, demo = time.monotonic(), None
            while remaining:
                drill = remaining.pop(0)
                log("drill", f"== {name_of(drill)}")
                try:
                    demo = demo or cleanup.enter_context(_demo(source(cleanup), log))
                    outcome = drill(demo)
                except NotHereError as why:
                    yield _line(drill, LEFT_OUT, str(why), began)
                except Exception as error:  # noqa: BLE001 - the drills that follow must run after any error
                    yield _line(drill, FAILED, f"{type(error).__name__}: {error}", began)
                    break
                else:
                    died = (
                        f"; exited unexpectedly and was restarted: {', '.join(demo.restarted)}"
                        if demo.restarted
                        else ""
                    )
                    demo.restarted.clear()
                    yield _line(drill, OK, outcome.asserted + died, began, well=outcome.seconds)
                began = time.monotonic()


def _line(drill: Drill, ended: str, asserted: str, began: float, *, well: float | None = None) -> Line:
    return Line(
        drill=name_of(drill),
        ended=ended,
        did=(drill.__doc__ or "").strip(),
        asserted=asserted,
        seconds_until_well=well if well is None else round(well, 2),
        seconds=round(time.monotonic() - began, 1),
    )


@contextmanager
def _demo(release: Path, log: Log) -> Iterator[DemoSystem]:
    other_variables = {
        name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields
    }
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # the servers' account makes backups in a folder of its own in it
        environ = other_variables | environment(Path(folder), (), silence=SILENCE_SECONDS)
        stack = DrillStack(Plan(state=Path(folder), environ=environ, temporary=True), log=log, release=release)
        with stack.running():
            yield DemoSystem(stack, sales=SALES if release == ROOT else WITHOUT_VAT)


def _this_release(_: ExitStack) -> Path:
    return ROOT


def _former_release(cleanup: ExitStack) -> Path:
    return cleanup.enter_context(releases.checked_out(releases.former_release()))


if __name__ == "__main__":
    main()
