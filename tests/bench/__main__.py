"""``make bench``: how fast the way from a notification to its voucher is, and how fast the pages are, on this machine.

Seconds differ from machine to machine; a bare round trip, measured in the same run, is what they may be held
against.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from local.children import end_on_signals
from local.processes import ROOT
from tests.bench.measures import burst, ingestion, one_by_one, round_trip
from tests.bench.pages import pages
from tests.journeys.town import town
from worker.commands.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.bench.measures import Figures
    from tests.journeys.town import Town

LATE = 0.05
FOLDER = ROOT / "var" / "bench"

MEASURES = {
    "bare round trip": partial(round_trip, times=200),
    "one by one": partial(one_by_one, invoices=60, latency=0),
    "one by one, remote calls of 50 ms": partial(one_by_one, invoices=60, latency=LATE),
    "burst of 500": partial(burst, invoices=500, latency=0),
    "burst of 500, remote calls of 50 ms": partial(burst, invoices=500, latency=LATE),
    "ingestion, one sender": partial(ingestion, notifications=500, senders=1),
    "ingestion, eight senders": partial(ingestion, notifications=2000, senders=8),
}


def main() -> None:
    """Measure the way, the pages, or the one that is named; show it as a table and write it to a file."""
    end_on_signals()
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or list(PARTS)
    with TemporaryDirectory() as state:
        found = {name: figures for part in wanted for name, figures in PARTS[part](Path(state)).items()}
    report = {name: {figure: round(each, 3) for figure, each in found[name].items()} for name in found}
    (FOLDER / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(aligned(list(_rows(report))) + "\n")


def _way(state: Path) -> dict[str, Figures]:
    """Measure the way from a notification to its voucher on the whole system."""
    with (FOLDER / "log").open("w") as log:

        def say(name: str, line: str) -> None:
            log.write(f"{name:<8} | {line}\n")

        with town(state / "way", settings={}, say=say) as running:
            return {name: _measured(running, name) for name in MEASURES}


def _measured(running: Town, name: str) -> Figures:
    sys.stderr.write(f"{name} ...\n")
    firm = running.firm()
    firm.connect(hears=())
    try:
        return MEASURES[name](firm)
    finally:
        firm.leave()


def _rows(report: dict[str, Figures]) -> Iterator[tuple[str, str, str, str]]:
    """Tell each figure; where a bare round trip was measured, milliseconds also as a multiple of it."""
    unit = report.get("bare round trip", {}).get("p50_ms", 0)
    for name, figures in report.items():
        for figure, value in figures.items():
            trips = f"{value / unit:.1f} round trips" if unit and figure.endswith("_ms") else ""
            yield name, figure, f"{value:.2f}", trips


PARTS: Mapping[str, Callable[[Path], dict[str, Figures]]] = {
    "way": _way,
    "pages": lambda state: pages(state / "pages"),
}
"""What can be measured by itself: ``make bench ARGS=pages``."""


if __name__ == "__main__":
    main()
