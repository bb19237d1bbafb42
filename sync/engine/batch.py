"""One batch in a worker's hands: each change prepared, what is ready sent, and every end caught."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

import structlog

from i18n.messages import msg
from models.database import DatabaseUnavailableError
from models.inbox.leases import LeaseLostError, SyncJob
from sync.engine.call_log import recording_calls
from sync.engine.outcomes import Attempt, Success
from sync.engine.search_aliases import collecting_aliases
from sync.errors import MisconfiguredError, RejectedError, SyncError, UnavailableError

log = structlog.get_logger()

MAX_WORKER_CRASHES = 3
"""Workers that may vanish over one record before it is set aside, for it may be what kills them."""

_NOT_ABOUT_RECORDS = (LeaseLostError, DatabaseUnavailableError)
"""Not about the record: nothing can be settled, so the claim runs out and the changes are looked at again."""

_CONNECTION_ERRORS = (UnavailableError, MisconfiguredError)
"""After these no further record of the connection is tried."""

Instrumented: TypeAlias = "Callable[[str, Sequence[SyncJob]], AbstractContextManager[None]]"
"""Surrounds a step at some changes, for whoever looks on."""

W = TypeVar("W", bound="Prepared")


class Prepared(Protocol):
    """What a flow has prepared for sending."""

    @property
    def job(self) -> SyncJob:
        """The change that it is about."""
        ...


class Flow(Protocol[W]):
    """What is done for one kind of record; safe to run twice over the same change.

    ``batch_size`` is how many changes are taken at a time, and ``sends_together`` says whether they share the
    calls that send
    them: then what is said in sending belongs to each of them.
    """

    batch_size: int
    sends_together: bool

    def prepare(self, job: SyncJob) -> W | Success:
        """Read the record and see what is to be sent; raises ``SyncError``."""
        ...

    def send(self, works: Sequence[W]) -> Sequence[Success | SyncError]:
        """Send what was prepared: an answer for each in the same order, or a ``SyncError`` for them all."""
        ...


def run_batch(
    flow: Flow[Any],
    jobs: Sequence[SyncJob],
    *,
    clock: Callable[[], datetime],
    renew_lease: Callable[[], None],
    instrument: Instrumented,
) -> tuple[dict[int, Attempt], dict[int, SyncError]]:
    """Prepare each change and send what is ready.

    Once a system is unavailable or refuses the connection, no further record is tried on it. The claim is renewed
    before each further record, since many slow reads take longer than it holds by itself.

    Returns:
        How each attempt ended, and of each change that was not attempted the error that ended the batch before it.
    """
    attempts: dict[int, Attempt] = {}
    untried: dict[int, SyncError] = {}
    ready: list[tuple[Prepared, Attempt]] = []
    for place, job in enumerate(jobs, 1):
        if attempts or ready:
            renew_lease()
        with instrument("prepare", [job]):
            attempt = _attempt(partial(_prepare, flow, job), clock=clock)
        if isinstance(attempt.answer, Success | Exception):
            attempts[job.id] = attempt
        else:
            ready.append((attempt.answer, attempt))
        if isinstance(attempt.answer, _CONNECTION_ERRORS):
            untried = {each.id: attempt.answer for each in jobs[place:]}
            break
    sent, unsent = _send(flow, ready, clock=clock, instrument=instrument)
    return attempts | sent, untried | unsent


def _prepare(flow: Flow[Any], job: SyncJob) -> Any:  # noqa: ANN401 - the flow's own kind of work
    if job.worker_crashes >= MAX_WORKER_CRASHES:
        raise RejectedError(
            msg("The bridge broke down {times} times while it had this record in hand.", times=job.worker_crashes),
            error_code="worker_crashes",
            remedy=msg("Please pass this on to whoever runs the bridge."),
        )
    return flow.prepare(job)


def _send(
    flow: Flow[Any],
    ready: Sequence[tuple[Prepared, Attempt]],
    *,
    clock: Callable[[], datetime],
    instrument: Instrumented,
) -> tuple[dict[int, Attempt], dict[int, SyncError]]:
    """Send what is ready: in one go, or each change by itself; tells as :func:`run_batch` does."""
    attempts: dict[int, Attempt] = {}
    groups = [ready] if ready and flow.sends_together else [[each] for each in ready]
    for place, group in enumerate(groups, 1):
        with instrument("send", [item.job for item, _ in group]):
            sent = _send_group(flow, group, clock=clock)
        attempts |= sent
        if ended_by := next(
            (each.answer for each in sent.values() if isinstance(each.answer, _CONNECTION_ERRORS)), None
        ):
            return attempts, {item.job.id: ended_by for group in groups[place:] for item, _ in group}
    return attempts, {}


def _send_group(
    flow: Flow[Any], ready: Sequence[tuple[Prepared, Attempt]], *, clock: Callable[[], datetime]
) -> dict[int, Attempt]:
    batch = [item for item, _ in ready]
    sent = _attempt(partial(flow.send, batch), clock=clock)
    answers = [sent.answer] * len(batch) if isinstance(sent.answer, Exception) else sent.answer
    return {
        item.job.id: Attempt(
            answer, before.calls + sent.calls, before.seconds + sent.seconds, before.search_aliases
        )
        for (item, before), answer in zip(ready, answers, strict=True)
    }


def _attempt(step: Callable[[], Any], *, clock: Callable[[], datetime]) -> Attempt:
    """Take a step and catch how it ends, unless that is not about the records in hand."""
    began = clock()
    with recording_calls() as heard, collecting_aliases() as search_aliases:
        try:
            answer = step()
        except _NOT_ABOUT_RECORDS:
            raise
        except SyncError as error:
            answer = error
        except Exception as error:
            log.exception("flow_crashed")
            answer = error
    return Attempt(answer, tuple(heard), (clock() - began).total_seconds(), tuple(search_aliases))
