"""The printed and written report of the drills."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

OK, FAILED, LEFT_OUT = "ok", "NOT OK", "left out"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One drill: what it did, how it ended, the seconds from the remedy until all was well, and its total time."""

    drill: str
    ended: str
    did: str
    asserted: str
    seconds_until_well: float | None = None
    seconds: float = 0


def is_green(lines: Sequence[Line]) -> bool:
    return all(line.ended != FAILED for line in lines)


def table_line(line: Line) -> str:
    """Format a drill as a line of the table on the terminal."""
    well = "" if line.seconds_until_well is None else f"{line.seconds_until_well:.1f}"
    return f"{line.drill:<14} {line.ended:<8} {well:>6} s {line.seconds:>6.0f} s  {line.did} {line.asserted}"


HEADING = f"{'drill':<14} {'ended':<8} {'well':>6}   {'all':>6}    what it did, and what held besides"


def report_of(lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "ok": is_green(lines),
        "seconds": round(sum(line.seconds for line in lines), 1),
        "left_out": [line.drill for line in lines if line.ended == LEFT_OUT],
        "drills": [asdict(line) for line in lines],
    }
