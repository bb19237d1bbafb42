from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import cursors
from models.words import Kind, Lane
from sync.errors import Unavailable
from sync.polling import OVERLAP, poll
from tests import factories

if TYPE_CHECKING:
    from datetime import datetime

    from tests.sync.conftest import World


def test_what_no_notification_told_is_found_by_the_poll(world: World) -> None:
    world.moment.put(factories.customer("7"))
    assert poll(world.database, world.moment, Lane(world.connection.id, Kind.CUSTOMER), now=world.now) == 1
    world.run()
    assert world.moment.customers["7"].number == "10001"


def test_a_poll_reaches_back_before_the_last_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []

    def changed(_kind: Kind, *, since: datetime) -> list[str]:
        asked.append(since)
        return []

    monkeypatch.setattr(world.moment, "changed", changed)
    lane = Lane(world.connection.id, Kind.INVOICE)
    poll(world.database, world.moment, lane, now=world.now)
    poll(world.database, world.moment, lane, now=world.now + timedelta(minutes=5))
    assert asked == [world.now - OVERLAP, world.now - OVERLAP]


def test_a_poll_that_fails_does_not_move_the_cursor(world: World) -> None:
    lane = Lane(world.connection.id, Kind.INVOICE)
    poll(world.database, world.moment, lane, now=world.now)
    world.moment.fails_before["changed"] = [Unavailable("Moment is down.")]
    with pytest.raises(Unavailable):
        poll(world.database, world.moment, lane, now=world.now + timedelta(hours=1))
    assert cursors.position(world.database, lane) == world.now
