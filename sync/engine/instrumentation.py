"""Where others look on while a lane is drained; who counts, traces and writes the log's fields stands outside."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol

from models.inbox.leases import AttemptResult, Lease, SyncJob


class Instrumentation(Protocol):
    """Looks on, and changes nothing."""

    def draining(self, lease: Lease, /) -> AbstractContextManager[None]:
        """Surround all that is done for a claim."""
        ...

    def attempting(self, lease: Lease, step: str, jobs: Sequence[SyncJob], /) -> AbstractContextManager[None]:
        """Surround a step of an attempt, ``prepare`` or ``send``, at one change or at several that go together."""
        ...

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        """Hear how changes have left the worker's hands, once that is written down."""
        ...


class NoInstrumentation:
    """Nobody looks on."""

    def draining(self, _lease: Lease, /) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def attempting(self, _lease: Lease, _step: str, _jobs: Sequence[SyncJob], /) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        """Hear nothing."""
