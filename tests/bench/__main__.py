"""``make bench``: how fast the way from a notification to its voucher is, on the whole system on this machine.

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
from tests.journeys.town import town
from worker.commands.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measures import Figures
    from tests.journeys.town import Town

LATE = 0.05

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
    """Measure all of it, show it as a table, and write it to ``var/bench/report.json``."""
    end_on_signals()
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as state, (folder / "log").open("w") as log:

        def say(name: str, line: str) -> None:
            log.write(f"{name:<8} | {line}\n")

        with town(Path(state), settings={}, say=say) as running:
            report = {name: _measured(running, name) for name in MEASURES}
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(aligned(list(_rows(report))) + "\n")


def _measured(running: Town, name: str) -> Figures:
    sys.stderr.write(f"{name} ...\n")
    firm = running.firm()
    firm.connect(hears=())
    try:
        return {figure: round(value, 3) for figure, value in MEASURES[name](firm).items()}
    finally:
        firm.leave()


def _rows(report: dict[str, Figures]) -> Iterator[tuple[str, str, str, str]]:
    """Tell each figure, milliseconds also as a multiple of the bare round trip."""
    unit = report["bare round trip"]["p50_ms"]
    for name, figures in report.items():
        for figure, value in figures.items():
            trips = f"{value / unit:.1f} round trips" if figure.endswith("_ms") else ""
            yield name, figure, f"{value:.2f}", trips


if __name__ == "__main__":
    main()
