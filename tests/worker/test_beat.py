from __future__ import annotations

from typing import TYPE_CHECKING

from sync.runner import FLOWS
from worker.app import app
from worker.beat import timetable

if TYPE_CHECKING:
    from worker.wiring import Bridge


def test_all_that_beat_sends_is_a_task(bridge: Bridge) -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in timetable(bridge.settings).values()} <= set(app.tasks)


def test_a_message_of_beat_is_dropped_when_the_next_one_is_due(bridge: Bridge) -> None:
    assert all(entry["options"]["expires"] == entry["schedule"] for entry in timetable(bridge.settings).values())


def test_every_flow_has_a_task_that_bears_its_name() -> None:
    app.loader.import_default_modules()
    assert {f"sync_{kind}s" for kind in FLOWS} <= set(app.tasks)
