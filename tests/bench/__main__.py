"""``make bench``: latency and throughput, row by row, compared with the same job in common frameworks."""

import json
import os
import sys
import time

import click

from local.demo_user import ExpectationError
from local.processes import ROOT, end_on_signals
from tests.bench.rows.table import BY_NAME, ROWS
from worker.cli.tables import aligned

FOLDER = ROOT / "var" / "bench"


@click.command()
@click.option("--only", default="", help="The one row to run.")
@click.argument("names", nargs=-1)
def main(only: str, names: tuple[str, ...]) -> None:
    """Measure the rows, show them as a table, and write them to ``var/bench/report.json``."""
    wanted = (only, *names) if only else names or tuple(ROWS)
    if unknown := set(wanted) - set(BY_NAME):
        raise click.BadParameter(f"{', '.join(sorted(unknown))} is none of {', '.join(BY_NAME)}.")
    end_on_signals()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "log").write_text("")
    rows = {}
    for name in wanted:
        began, load = time.monotonic(), os.getloadavg()[0]
        rows[name] = _measured(name) | {"load_before": load}
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
        (FOLDER / "report.json").write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    for name, row in rows.items():
        sys.stdout.write(aligned(list(_lines(name, row))) + "\n\n")


def _measured(name: str) -> dict[str, object]:
    """Run a row; a row that fails does not stop the others."""
    try:
        return BY_NAME[name]().report()
    except ExpectationError as error:
        return {"reached": False, "goal": "each record right, in time", "error": str(error)}


def _lines(name: str, row: dict[str, object]) -> list[tuple[str, ...]]:
    """Format a row as lines: the goal, then a line for each figure, with those of the peers beside ours."""
    said = dict(row)
    peers = said.pop("peers", {})
    assert isinstance(peers, dict)
    head = (name, "reached" if said.pop("reached") else "NOT reached", str(said.pop("goal")))
    names = dict.fromkeys([*said, *(figure for each in peers.values() for figure in each)])
    columns = (("", "", "ours", *peers) if peers else ("", "", "ours"),)
    return [
        head,
        *columns,
        *(
            ("", each, str(said.get(each, "")), *(str(peer.get(each, "")) for peer in peers.values()))
            for each in names
        ),
    ]


if __name__ == "__main__":
    main()
