"""Prints the table of transitions for docs/architecture.md: ``python -m tests.models.inbox.transition_table``."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from models.enums import JobState
from models.inbox.transitions import NEW_JOB, TABLE, Transition

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"
BETWEEN = re.compile(r"(?s)(<!-- transitions -->\n).*?(<!-- /transitions -->)")


def render() -> str:
    """Return a line for each event and each group of states with the same effect."""
    head = "| Event | State | becomes |\n|---|---|---|"
    return "\n".join([head, *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for event, cells in TABLE.items():
        groups: dict[Transition, list[str]] = {}
        if event in NEW_JOB:
            groups[NEW_JOB[event]] = ["no job"]
        for state, cell in cells.items():
            groups.setdefault(cell, []).append(_words(state))
        for place, (cell, states) in enumerate(groups.items()):
            yield f"| {'' if place else _words(event)} | {', '.join(states)} | {_effect(cell)} |"


def _effect(cell: Transition) -> str:
    effects = [f"**{_words(cell.state)}**" if cell.state else "as it is"]
    for field in fields(Transition):
        effect = getattr(cell, field.name)
        if field.name != "state" and effect not in (field.default, None):
            effects.append(f"{field.name} {_words(effect.name)}")
    return "; ".join(effects)


def _words(name: JobState | str) -> str:
    return str(name).lower().replace("_", " ")


def on_page() -> str:
    found = BETWEEN.search(PAGE.read_text())
    assert found
    return found.group(0).removeprefix(found.group(1)).removesuffix(found.group(2))


if __name__ == "__main__":
    PAGE.write_text(BETWEEN.sub(lambda found: f"{found[1]}{render()}{found[2]}", PAGE.read_text()))
