"""``make chaos``: days full of faults, one for each seed, and a report of the state of both systems."""

import json
import logging
import sys
from pathlib import Path

import click
import structlog

from local.processes import ROOT, end_on_signals
from tests.chaos.report import is_clean, report_of, summary
from tests.chaos.run_seed import Chaos, Played, play

FOLDER = ROOT / "var" / "chaos"


@click.command()
@click.option("--seed", default=1, help="The first seed [1]")
@click.option("--seeds", default=1, help="How many days, each with the next seed [1]")
@click.option("--mistake", "mistakes", multiple=True, help="A mistake to plant, for the checker to find")
def main(seed: int, seeds: int, mistakes: tuple[str, ...]) -> None:
    """Play chaotic days. Fail if anything was lost, duplicated, wrong or not mailed, or needed attention needlessly."""
    end_on_signals()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    FOLDER.mkdir(parents=True, exist_ok=True)
    days: list[Played] = []
    for each in range(seed, seed + seeds):
        days.append(_played(Chaos(seed=each, mistakes=mistakes), log=FOLDER / f"log-{each}"))
        click.echo(summary(days[-1]))
        (FOLDER / "report.json").write_text(json.dumps(report_of(days), indent=2) + "\n")
    faults = report_of(days)["faults"]
    click.echo(f"{seeds} days with {sum(faults.values())} faults of {len(faults)} kinds.")
    sys.exit(0 if all(map(is_clean, days)) else 1)


def _played(chaos: Chaos, *, log: Path) -> Played:
    """Play a day. Keep the output of its processes only if something was wrong."""
    with log.open("w") as lines:
        played = play(chaos, log=lambda name, line: print(f"{name:<8} | {line}", file=lines, flush=True))
    if is_clean(played):
        log.unlink()
    return played


if __name__ == "__main__":
    main()
