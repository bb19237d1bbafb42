"""What was said to a remote system and what it answered, kept with the attempt that it belongs to.

The gateways tell, whoever works on a record listens; where nobody listens, nothing is kept. What holds a password
or a session is never told.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST = 8000
"""Characters of a request or a response that are kept."""

MOST = 20
"""Exchanges that are kept of one attempt, the last ones: a long file is hundreds of chunks."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call: its operation in the other system's words, what was sent, and what came back if anything did."""

    operation: str
    request: str
    response: str


_heard: ContextVar[list[Exchange] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[list[Exchange]]:
    """Hear what is told inside, in this thread."""
    heard: list[Exchange] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def tell(operation: str, *, request: bytes | str, response: bytes | str) -> None:
    """Tell of a call; long texts are cut."""
    heard = _heard.get()
    if heard is not None:
        heard.append(Exchange(operation, _text(request), _text(response)))
        del heard[:-MOST]


def pass_on(heard: Iterable[Exchange]) -> None:
    """Tell what was heard elsewhere, in the thread of whoever it was for."""
    listener = _heard.get()
    if listener is not None:
        listener += heard
        del listener[:-MOST]


def _text(said: bytes | str) -> str:
    text = said[: 4 * LONGEST].decode(errors="replace") if isinstance(said, bytes) else said
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(said)} in all)"
    return cut.replace("\x00", "\ufffd")  # PostgreSQL's JSON takes no NUL
