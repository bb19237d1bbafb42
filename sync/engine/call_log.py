"""What was said to a remote system and what it answered, kept with the attempt that it belongs to.

The gateways tell, whoever works on a record listens; where nobody listens, nothing is kept. What holds a password
or a session is never told.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sync.rules.normalization import NATIONAL_ID

MAX_TEXT_LENGTH = 8000
"""Characters of a request or a response that are kept."""

MAX_CALLS = 20
"""Exchanges that are kept of one attempt, the last ones: a long file is hundreds of chunks."""


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """One call: its operation in the other system's words, what was sent, and what came back if anything did."""

    operation: str
    request: str
    response: str


_calls: ContextVar[list[RemoteCall] | None] = ContextVar("heard", default=None)


@contextmanager
def recording_calls() -> Iterator[list[RemoteCall]]:
    """Hear what is told inside, in this thread."""
    heard: list[RemoteCall] = []
    token = _calls.set(heard)
    try:
        yield heard
    finally:
        _calls.reset(token)


def record_call(operation: str, *, request: bytes | str, response: bytes | str) -> None:
    """Keep a call; long texts are cut, and national identity numbers masked."""
    heard = _calls.get()
    if heard is not None:
        heard.append(RemoteCall(operation, _text(request), _text(response)))
        del heard[:-MAX_CALLS]


def replay(calls: Iterable[RemoteCall]) -> None:
    """Return what was heard elsewhere, in the thread of whoever it was for."""
    listener = _calls.get()
    if listener is not None:
        listener += calls
        del listener[:-MAX_CALLS]


def _text(value: bytes | str) -> str:
    some = value[: 4 * MAX_TEXT_LENGTH]
    text = some.decode(errors="replace") if isinstance(some, bytes) else some
    text = NATIONAL_ID.sub("*" * 11, text)
    cut = text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]} … ({len(value)} in all)"
    return cut.replace("\x00", "\ufffd")  # PostgreSQL's JSON takes no NUL
