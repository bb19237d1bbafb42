"""The result of a row: figures by name, whether its goal was reached, and the goal in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the report; ``peers`` are the figures of the others in the same run, by name."""

    goal: str
    reached: bool
    figures: Figures
    peers: Mapping[str, Figures] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Return the row as it is in the report."""
        beside = {"peers": {name: _rounded(each) for name, each in self.peers.items()}} if self.peers else {}
        return {"reached": self.reached, "goal": self.goal, **_rounded(self.figures), **beside}


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which ``percent`` percent of the values are."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
