"""The printed and written report of the days."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from tests.chaos.run_seed import Played
from tests.chaos.short_timeouts import LOOKED_AFTER_SECONDS
from tests.chaos.verdict import Verdict

FINDINGS = tuple(field.name for field in fields(Verdict))


def is_clean(day: Played) -> bool:
    """Return whether everything was right after a day."""
    return not any(asdict(day.verdict).values())


def summary(day: Played) -> str:
    """Format one day for the terminal."""
    faults = ", ".join(f"{kind} {times}" for kind, times in sorted(day.faults.items()))
    ended = "ok" if is_clean(day) else "NOT OK"
    heading = f"Seed {day.seed}: {ended} after {day.faults.total()} faults in {day.seconds:.0f} s ({faults})"
    late = f"  A call that writes was done after {day.longest:.1f} s, when it had been looked for: it may be doubled (S25)."
    found = [f"  {name}: {what}" for name, what in _found(day)]
    return "\n".join(
        [
            heading,
            *([late] if day.longest > LOOKED_AFTER_SECONDS else []),
            *([f"  Left out, as this machine does not allow it: {day.left_out}"] if day.left_out else []),
            *found,
        ]
    )


def report_of(days: Sequence[Played]) -> dict[str, Any]:
    """Summarize the days: how often each fault happened, and what was not right, in words."""
    counts = Counter(name for day in days for name, _ in _found(day))
    return {
        "seeds": [day.seed for day in days],
        "faults": dict(sorted(sum((day.faults for day in days), Counter[str]()).items())),
        "longest_write_seconds": round(max(day.longest for day in days), 2),
        "left_out": dict(Counter(day.left_out for day in days if day.left_out)),
        **{name: counts[name] for name in FINDINGS},
        "details": [f"seed {day.seed}: {name}: {what}" for day in days for name, what in _found(day)],
    }


def _found(day: Played) -> Iterator[tuple[str, str]]:
    for name, found in asdict(day.verdict).items():
        yield from ((name, what) for what in found)
