"""The people who look after the bridge on a chaotic day: they see what is in hand, and try again what needs them."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

import models.changes
from models import alerts, cursors, listing
from models.alerts import Turn
from models.settings import ConnectionSettings
from models.tables import AlertRow
from models.wanted import Wanted
from models.words import Kind, Lane, State
from tests.chaos.crashes import CUTS
from worker.checks import check
from worker.wiring import clock

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from models.listing import ChangeView
    from worker.wiring import Bridge

ADDRESS = "chaos@example.com"
MOST = 10_000
SOON = timedelta(minutes=10)
VANISHED = ("killed: worker", "killed: redis", *(cut.title for cut in CUTS))
EXPLAINED_BY = {"refused": ("refuse", "save_then_refuse"), "poison": VANISHED}
"""Reasons for which a person may rightly be asked, and the troubles one of which must have happened then."""


class Office:
    """Looks into the bridge as its people do; raises DatabaseUnavailable while the database is away.

    ``needless`` gathers what they were asked without a trouble that explains it.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge, self._database = bridge, bridge.database
        self._asked: set[int] = set()
        self.needless: list[str] = []

    def connect(self, **settings: object) -> str:
        """Make the connection, and tell the address of its webhook."""
        wanted = {"kinds": tuple(Kind), "error_emails": (ADDRESS,), "language": "en", **settings}
        valid = ConnectionSettings.model_validate(wanted)
        valid = valid.model_copy(update={"identity_id": check(self._bridge, valid).id})
        self._connection, token = self._bridge.connections.add("Kaos AS", valid, who="chaos", now=clock())
        return f"{self._bridge.settings.public_url}/hooks/moment/{token}"

    def unfinished(self) -> list[str]:
        """Tell what is still going to happen by itself: changes, and mails."""
        views = [view for state in (State.WAITING, State.WORKING) for view in self._changes(state)]
        in_hand = [
            f"{view.title} is {view.state}: {view.message}" for view in views if view.due_at < clock() + SOON
        ]
        return in_hand + [f"not told yet: {alert.message}" for alert in alerts.unsent(self._database, ADDRESS)]

    def unpolled(self, since: datetime) -> list[str]:
        """Tell which kinds have not been polled since an instant."""
        return [f"no poll of {lane.kind}s" for lane in self._lanes() if not self._polled(lane, since)]

    def stuck(self) -> Sequence[ChangeView]:
        """Tell the changes that need a person."""
        return self._changes(State.STUCK)

    def turns(self) -> Iterator[tuple[ChangeView, list[Turn]]]:
        """Tell of each change that anybody was told of how it turned, in that order."""
        told = defaultdict(list)
        with self._database.transaction() as session:
            for alert in session.scalars(select(AlertRow).order_by(AlertRow.id)):
                told[alert.change_id].append(Turn(alert.turn))
        for change_id, turns in told.items():
            if change_id and (view := models.changes.show(self._database, change_id)):
                yield view, turns

    def see_to_it(self, refused: set[str], happened: Callable[[], Counter[str]]) -> None:
        """Try again, once, what needs a person, other than the records that are refused for good."""
        new = [view for view in self.stuck() if view.record.id not in refused and view.id not in self._asked]
        if new:
            self._asked |= {view.id for view in new}
            self.needless += _unexplained(new, happened())
            chosen = Wanted(ids=frozenset(view.id for view in new))
            models.changes.retry(self._database, chosen, who="chaos", now=clock())
        if because := self._bridge.connections.get(self._connection.id).paused_because:
            self.needless.append(f"the connection was paused: {because}")
            self._bridge.connections.resume(self._connection.id, who="chaos", now=clock())

    def poll_again(self, *, since: datetime) -> None:
        """Have the bridge ask for everything since an instant once more."""
        for lane in self._lanes():
            cursors.move(self._database, lane, to=since)

    def _changes(self, state: State) -> Sequence[ChangeView]:
        return listing.latest(self._database, Wanted(states=frozenset({state})), most=MOST)

    def _lanes(self) -> list[Lane]:
        return [Lane(self._connection.id, kind) for kind in Kind]

    def _polled(self, lane: Lane, since: datetime) -> bool:
        position = cursors.position(self._database, lane)
        return position is not None and position > since


def _unexplained(asked: Sequence[ChangeView], troubles: Counter[str]) -> list[str]:
    return [
        f"a person was asked about {view.title}: {view.reason}: {view.message}"
        for view in asked
        if not any(troubles[each] for each in EXPLAINED_BY.get(view.reason, ()))
    ]
