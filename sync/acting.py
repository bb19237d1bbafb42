"""One batch in a worker's hands: each change prepared, what is ready sent, and every end caught."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import structlog

from language.said import say
from models.base import DatabaseUnavailable
from models.inbox import ClaimLost
from sync.errors import Misconfigured, Rejected, SyncError, Unavailable
from sync.exchanges import listening
from sync.mentions import noting
from sync.outcomes import Done, Tried

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from models.inbox import Change

log = structlog.get_logger()

MOST_LOST = 3
"""Workers that may vanish over one record before it is set aside, for it may be what kills them."""

_OURS = (ClaimLost, DatabaseUnavailable)
"""Not about the record: nothing can be settled, so the claim runs out and the changes are looked at again."""

_NO_USE = (Unavailable, Misconfigured)
"""After these no further record of the connection is tried."""

Trying: TypeAlias = "Callable[[str, Sequence[Change]], AbstractContextManager[None]]"
"""Surrounds a step at some changes, for whoever looks on."""

W = TypeVar("W", bound="Work")


class Work(Protocol):
    """What a flow has prepared for sending."""

    @property
    def change(self) -> Change:
        """The change that it is about."""
        ...


class Flow(Protocol[W]):
    """What is done for one kind of record; safe to run twice over the same change.

    ``batch`` is how many changes are taken at a time, and ``together`` says whether they share the calls that send
    them: then what is said in sending belongs to each of them.
    """

    batch: int
    together: bool

    def prepare(self, change: Change) -> W | Done:
        """Read the record and see what is to be sent; raises ``SyncError``."""
        ...

    def send(self, works: Sequence[W]) -> Sequence[Done | SyncError]:
        """Send what was prepared: an answer for each in the same order, or a ``SyncError`` for them all."""
        ...


def act(
    flow: Flow[Any],
    changes: Sequence[Change],
    *,
    clock: Callable[[], datetime],
    hold: Callable[[], None],
    trying: Trying,
) -> tuple[dict[int, Tried], dict[int, SyncError]]:
    """Prepare each change and send what is ready.

    Once a system is unavailable or refuses the connection, no further record is tried on it. The claim is renewed
    before each further record, since many slow reads take longer than it holds by itself.

    Returns:
        How each attempt ended, and of each change that was not attempted the error that ended the batch before it.
    """
    tried: dict[int, Tried] = {}
    untried: dict[int, SyncError] = {}
    ready: list[tuple[Work, Tried]] = []
    for place, change in enumerate(changes, 1):
        if tried or ready:
            hold()
        with trying("prepare", [change]):
            attempt = _attempt(partial(_prepare, flow, change), clock=clock)
        if isinstance(attempt.answer, Done | Exception):
            tried[change.id] = attempt
        else:
            ready.append((attempt.answer, attempt))
        if isinstance(attempt.answer, _NO_USE):
            untried = {each.id: attempt.answer for each in changes[place:]}
            break
    sent, unsent = _send(flow, ready, clock=clock, trying=trying)
    return tried | sent, untried | unsent


def _prepare(flow: Flow[Any], change: Change) -> Any:  # noqa: ANN401 - the flow's own kind of work
    if change.lost >= MOST_LOST:
        raise Rejected(
            say("The bridge broke down {times} times while it had this record in hand.", times=change.lost),
            reason="poison",
            remedy=say("Please pass this on to whoever runs the bridge."),
        )
    return flow.prepare(change)


def _send(
    flow: Flow[Any], ready: Sequence[tuple[Work, Tried]], *, clock: Callable[[], datetime], trying: Trying
) -> tuple[dict[int, Tried], dict[int, SyncError]]:
    """Send what is ready: in one go, or each change by itself; tells as :func:`act` does."""
    tried: dict[int, Tried] = {}
    groups = [ready] if ready and flow.together else [[each] for each in ready]
    for place, group in enumerate(groups, 1):
        with trying("send", [work.change for work, _ in group]):
            sent = _send_group(flow, group, clock=clock)
        tried |= sent
        if ended_by := next((each.answer for each in sent.values() if isinstance(each.answer, _NO_USE)), None):
            return tried, {work.change.id: ended_by for group in groups[place:] for work, _ in group}
    return tried, {}


def _send_group(
    flow: Flow[Any], ready: Sequence[tuple[Work, Tried]], *, clock: Callable[[], datetime]
) -> dict[int, Tried]:
    works = [work for work, _ in ready]
    sent = _attempt(partial(flow.send, works), clock=clock)
    answers = [sent.answer] * len(works) if isinstance(sent.answer, Exception) else sent.answer
    return {
        work.change.id: Tried(
            answer, before.exchanges + sent.exchanges, before.seconds + sent.seconds, before.mentioned
        )
        for (work, before), answer in zip(ready, answers, strict=True)
    }


def _attempt(step: Callable[[], Any], *, clock: Callable[[], datetime]) -> Tried:
    """Take a step and catch how it ends, unless that is not about the records in hand."""
    began = clock()
    with listening() as heard, noting() as mentioned:
        try:
            answer = step()
        except _OURS:
            raise
        except SyncError as error:
            answer = error
        except Exception as error:
            log.exception("flow_crashed")
            answer = error
    return Tried(answer, tuple(heard), (clock() - began).total_seconds(), tuple(mentioned))
