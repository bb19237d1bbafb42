"""What an attempt ends in, and what follows from it: written down, tried again, or shown to a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from language.said import say
from models.inbox import CRASHED, Settlement
from models.words import Outcome, State
from sync.alerting import alert_of
from sync.backoff import policy_of, wait
from sync.errors import DependencyEnded, Misconfigured, NotReady, Rationed, Rejected, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from models.inbox import Change
    from sync.exchanges import Exchange

PATIENCE = timedelta(minutes=10)
"""How long a change waits for another record before it looks for itself, should it not be woken."""


@dataclass(frozen=True, slots=True)
class Done:
    """A good end: the record is in step, or rightly left alone for a ``reason`` that ``message`` tells.

    ``look_again`` is given where something is still to come of which nobody will tell.
    """

    outcome: Outcome
    title: str = ""
    message: str = ""
    reason: str = ""
    look_again: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """How one attempt ended, what was said to the remote systems in its course, and how long it took.

    ``mentioned`` are the names of others that the record is found by too.
    ``answer`` is a :class:`Done`, an exception, or between preparing and sending the flow's own work.
    """

    answer: Any
    exchanges: tuple[Exchange, ...] = ()
    seconds: float = 0
    mentioned: tuple[str, ...] = ()


def skipped(message: str, *, reason: str, title: str = "") -> Done:
    """Leave a record alone, and say why, also in short; no error."""
    return Done(Outcome.SKIPPED, title, message, reason)


UNCHANGED = Done(Outcome.UNCHANGED)


def settle(
    change: Change,
    tried: Tried,
    *,
    now: datetime,
    dice: Callable[[], float],
    addresses: tuple[str, ...],
) -> Settlement:
    """Decide what becomes of a change after an attempt.

    Args:
        change: the change as it was claimed.
        tried: how the attempt ended; an exception that is no :class:`SyncError` is a bug of ours.
        now: the instant of the decision, in UTC.
        dice: gives a number from 0 up to 1, for the jitter of the waits.
        addresses: who hears of a turn.
    """
    answer = tried.answer
    if isinstance(answer, Done):
        settlement = _good(change, answer, now=now)
    elif isinstance(answer, DependencyEnded):
        ended = _bad(change, answer, now=now)
        settlement = replace(ended, state=State.STUCK, tries=change.tries, waits_for=answer.waits_for)
    elif isinstance(answer, Rejected):
        settlement = replace(_bad(change, answer, now=now), state=State.STUCK)
    elif isinstance(answer, NotReady):
        waiting = _bad(change, answer, now=now + PATIENCE)
        settlement = replace(waiting, tries=change.tries, waits_for=answer.waits_for)
    elif isinstance(answer, Rationed):
        settlement = replace(_again(change, answer, now=now, dice=dice), tries=change.tries)
    elif isinstance(answer, Misconfigured):
        settlement = replace(_bad(change, answer, now=now), tries=change.tries)
    else:
        settlement = _again(change, answer, now=now, dice=dice)
    told = replace(settlement, exchanges=tried.exchanges, seconds=tried.seconds, mentioned=tried.mentioned)
    return _with_alert(change, told, addresses)


def next_chance(error: SyncError, *, now: datetime, dice: Callable[[], float]) -> datetime:
    """Tell when those are due that an error at another record has kept from being tried: as after a first failure.

    How often that other record has failed before says nothing of them.
    """
    if isinstance(error, Misconfigured):
        return now  # the connection pauses
    return now + wait(policy_of(error), 0, dice=dice, error=error)


def postponed(change: Change, *, until: datetime) -> Settlement:
    """Give a change back that was not attempted."""
    return Settlement(
        change.id,
        State.WAITING,
        due_at=until,
        tries=change.tries,
        uncertain=change.uncertain,
        alerted=change.alerted,
        waits_for=change.waits_for,
    )


def _good(change: Change, done: Done, *, now: datetime) -> Settlement:
    state, wait = (State.WAITING, done.look_again) if done.look_again else (State.SETTLED, timedelta())
    return Settlement(
        change.id,
        state,
        due_at=now + wait,
        uncertain=change.uncertain and done.outcome is Outcome.SKIPPED,  # a lost call was not looked for
        outcome=done.outcome,
        title=done.title,
        reason=done.reason,
        message=done.message,
    )


def _bad(change: Change, error: SyncError, *, now: datetime) -> Settlement:
    return Settlement(
        change.id,
        State.WAITING,
        due_at=now,
        tries=change.tries + 1,
        uncertain=change.uncertain or error.in_doubt,
        outcome=Outcome.FAILED,
        title=error.title,
        reason=error.reason,
        message=error.message,
        remedy=error.remedy,
    )


def _again(change: Change, error: Exception, *, now: datetime, dice: Callable[[], float]) -> Settlement:
    """Try again after a while, as long as the policy of this error allows."""
    known = error if isinstance(error, SyncError) else _crash(error)
    policy = policy_of(error)
    settlement = _bad(change, known, now=now + wait(policy, change.tries, dice=dice, error=error))
    settlement = replace(settlement, uncertain=settlement.uncertain or known is not error)
    return replace(settlement, state=State.STUCK) if settlement.tries >= policy.most_tries else settlement


def _crash(error: Exception) -> SyncError:
    return SyncError(
        say("The bridge itself failed on this record ({error}).", error=type(error).__name__),
        reason=CRASHED,
        remedy=say("Please pass this on to whoever runs the bridge; the log says more."),
    )


def _with_alert(change: Change, settlement: Settlement, addresses: tuple[str, ...]) -> Settlement:
    alert = alert_of(change, settlement, addresses)
    alerted = settlement.state is State.STUCK or (change.alerted and not settlement.went_well)
    return replace(settlement, alert=alert, alerted=alerted)
