"""Where others look on while a lane is drained; who counts, traces and writes the log's fields stands outside."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from models.inbox import Change, Claim, Settlement


class Watch(Protocol):
    """Looks on, and changes nothing."""

    def draining(self, claim: Claim, /) -> AbstractContextManager[None]:
        """Surround all that is done for a claim."""
        ...

    def trying(self, claim: Claim, step: str, changes: Sequence[Change], /) -> AbstractContextManager[None]:
        """Surround a step of an attempt, ``prepare`` or ``send``, at one change or at several that go together."""
        ...

    def settled(self, claim: Claim, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Hear how changes have left the worker's hands, once that is written down."""
        ...


class Unwatched:
    """Nobody looks on."""

    def draining(self, _claim: Claim, /) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def trying(self, _claim: Claim, _step: str, _changes: Sequence[Change], /) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def settled(self, claim: Claim, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Hear nothing."""
