"""Looks on at the work of a process: gives its log the fields of every line, counts, and traces where wanted."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, TypeAlias

from structlog.contextvars import bound_contextvars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from models.inbox import Change, Claim, Settlement
    from models.words import Record
    from worker.metrics import Metrics

Fields: TypeAlias = "dict[str, str | int | list[int]]"


class Traces(Protocol):
    """Where spans go, and how a change finds the one that received it."""

    def received(self, connection_id: int, record: Record) -> None:
        """Remember, for a while, in which span a change was received."""
        ...

    def span(
        self,
        name: str,
        fields: Fields,
        *,
        of: Iterable[tuple[int, Record]] = (),
        after: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[None]:
        """Surround something by a span: linked to those that received what it is ``of``, and below ``after``."""
        ...

    def carried(self) -> dict[str, str]:
        """Tell the headers that bring the present span to whoever gets a message."""
        ...

    def event(self, name: str, fields: Fields) -> None:
        """Note something in the present span."""
        ...

    def called(self, name: str, *, status: str, seconds: float) -> None:
        """Note a call that has just ended."""
        ...

    def close(self) -> None:
        """Send what has not been sent."""
        ...


class Untraced:
    """No traces."""

    def received(self, connection_id: int, record: Record) -> None:
        """Remember nothing."""

    def span(self, *_: object, **__: object) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def carried(self) -> dict[str, str]:
        """Bring nothing along."""
        return {}

    def event(self, name: str, fields: Fields) -> None:
        """Note nothing."""

    def called(self, name: str, *, status: str, seconds: float) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Nothing is left."""


class Lookout:
    """Looks on for the log, the metrics and the traces.

    ``attempt`` in the log is the beginning of the claim's id: with ``change`` it names one try.
    """

    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._metrics = metrics
        self._traces = traces

    @contextmanager
    def running(self, task: str, *, task_id: str, after: Mapping[str, str]) -> Iterator[None]:
        """Have the task in every line, below the span of whoever sent its message."""
        fields: Fields = {"task": task, "task_id": task_id}
        began = time.perf_counter()
        self._metrics.began()
        try:
            with bound_contextvars(**fields), self._traces.span(f"task {task}", fields, after=after):
                yield
        finally:
            self._metrics.ended(task, seconds=time.perf_counter() - began)

    @contextmanager
    def draining(self, claim: Claim) -> Iterator[None]:
        """Have connection, kind and attempt in every line."""
        fields: Fields = {
            "connection": claim.lane.connection_id,
            "kind": str(claim.lane.kind),
            "attempt": claim.id.hex[:8],
        }
        with bound_contextvars(**fields), self._traces.span("drain", fields):
            yield

    @contextmanager
    def trying(self, claim: Claim, step: str, changes: Sequence[Change]) -> Iterator[None]:
        """Have the change in every line, or all of them where they go together."""
        ids = [change.id for change in changes]
        fields: Fields = {"change": ids[0]} if len(ids) == 1 else {"changes": ids}
        received = [(claim.lane.connection_id, change.record) for change in changes]
        with bound_contextvars(**fields), self._traces.span(step, fields, of=received):
            yield

    def settled(self, claim: Claim, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Count the attempts, and note each in the claim's span."""
        received = {change.id: change.received_at for change in claim.changes}
        for settlement in settlements:
            if settlement.outcome:
                at = received[settlement.change_id]
                self._metrics.settled(claim.lane.kind, settlement, waited=now - at if at else None)
                fields: Fields = {"change": settlement.change_id, "outcome": str(settlement.outcome)}
                self._traces.event("settled", fields | {"reason": settlement.reason})

    def called(self, system: str, operation: str, *, status: str, seconds: float) -> None:
        """Count a call to a remote system and trace it."""
        self._metrics.called(system, operation, status=status, seconds=seconds)
        self._traces.called(f"{system} {operation}", status=status, seconds=seconds)
