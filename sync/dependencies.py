"""What changes wait for: it is put into the inbox, and what has ended without a link is for a person to see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from language.said import say
from models import inbox, waiting
from models.words import State
from sync.errors import DependencyEnded, NotReady

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from models.base import Database
    from models.inbox import Change, Claim
    from models.waiting import Dependency
    from models.words import Record
    from sync.outcomes import Tried


def follow_up(
    database: Database, claim: Claim, tried: Mapping[int, Tried], *, now: datetime
) -> Mapping[int, Tried]:
    """Have what changes wait for looked at; tells the attempts of those that would wait in vain, for a person.

    What had ended before is looked at once more for each change that comes to wait for it.
    """
    errors = {i: each.answer for i, each in tried.items() if isinstance(each.answer, NotReady)}
    if not errors:
        return {}
    connection_id, records = claim.lane.connection_id, {error.waits_for for error in errors.values()}
    known = waiting.dependencies(database, connection_id, records)
    needed: set[Record] = set()
    ended: dict[int, Tried] = {}
    for change in (each for each in claim.changes if each.id in errors):
        error = errors[change.id]
        dependency = known.get(error.waits_for)
        if dependency and _waits_in_vain(change, error.waits_for, dependency):
            ended[change.id] = replace(tried[change.id], answer=_ended(error, dependency))
        elif dependency is None or dependency.state is State.SETTLED:
            needed.add(error.waits_for)
    inbox.need(database, connection_id, needed, now=now)
    return ended


def _waits_in_vain(change: Change, record: Record, dependency: Dependency) -> bool:
    """Tell whether a record has ended without a link: by a person's word, or by a look since the change waits."""
    looked_at = dependency.state is State.SETTLED and change.waits_for == record
    return not dependency.linked and (looked_at or dependency.state is State.CLOSED)


def _ended(error: NotReady, dependency: Dependency) -> DependencyEnded:
    name = dependency.title or error.waits_for.name
    if dependency.state is State.CLOSED:
        ended = DependencyEnded(
            say(
                "{record} must come across first, and somebody has closed it: {why}.",
                record=name,
                why=dependency.closed_because,
            ),
            reason="dependency_dismissed",
            remedy=say("Try that one again, and this one follows. Or handle this one by hand, and close it too."),
            waits_for=error.waits_for,
        )
    else:
        ended = DependencyEnded(
            say("{record} must come across first, and cannot: {why}", record=name, why=dependency.message),
            reason="dependency_gone",
            remedy=say(
                "Choose another one in Moment. A finalized invoice must be credited and made anew, or posted by "
                "hand."
            ),
            waits_for=error.waits_for,
        )
    ended.title = error.title
    return ended
