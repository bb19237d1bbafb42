"""Prints the table of transitions for docs/architecture.md: ``python -m tests.models.inbox.transition_table``."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from models.enums import JobState
from models.inbox.transitions import NEW_JOB, TABLE, Transition

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"
BETWEEN = re.compile(r"(?s)(<!-- transitions -->\n).*?(<!-- /transitions -->)")


def drawn() -> str:
    """Return a line for each event and each group of states with the same effect."""
    head = "| Event | State | becomes |\n|---|---|---|"
    return "\n".join([head, *lines()]) + "\n"


def lines() -> Iterator[str]:
    for event, cells in TABLE.items():
        groups: dict[Transition, list[str]] = {}
        if event in NEW_JOB:
            groups[NEW_JOB[event]] = ["no job"]
        for state, cell in cells.items():
            groups.setdefault(cell, []).append(words(state))
        for place, (cell, states) in enumerate(groups.items()):
            yield f"| {'' if place else words(event)} | {', '.join(states)} | {becomes(cell)} |"


def becomes(cell: Transition) -> str:
    effects = [f"**{words(cell.state)}**" if cell.state else "as it is"]
    for field in fields(Transition):
        effect = getattr(cell, field.name)
        if field.name != "state" and effect not in (field.default, None):
            effects.append(f"{field.name} {words(effect.name)}")
    return "; ".join(effects)


def words(name: JobState | str) -> str:
    return str(name).lower().replace("_", " ")


def on_page() -> str:
    found = BETWEEN.search(PAGE.read_text())
    assert found
    return found.group(0).removeprefix(found.group(1)).removesuffix(found.group(2))


if __name__ == "__main__":
    PAGE.write_text(BETWEEN.sub(lambda found: f"{found[1]}{drawn()}{found[2]}", PAGE.read_text()))
