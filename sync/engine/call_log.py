"""The log of remote calls, without passwords and sessions, kept with the attempt that made them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sync.rules.identity_numbers import NATIONAL_ID

MAX_TEXT_LENGTH = 8000
"""Characters kept of a request or a response."""

MAX_CALLS = 20
"""Calls kept of an attempt, the last ones: a long file takes hundreds of calls."""


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call: its operation as the other system names it, the request, and the response if there was one."""

    operation: str
    request: str
    response: str


_calls: ContextVar[list[RemoteCall] | None] = ContextVar("calls", default=None)


@contextmanager
def recording_calls() -> Iterator[list[RemoteCall]]:
    """Collect the calls recorded inside, in this thread."""
    calls: list[RemoteCall] = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def record_call(operation: str, *, request: bytes | str, response: bytes | str) -> None:
    """Record a call. Long texts are cut, and national identity numbers masked."""
    calls = _calls.get()
    if calls is not None:
        calls.append(RemoteCall(operation, _text(request), _text(response)))
        del calls[:-MAX_CALLS]


def replay(calls: Iterable[RemoteCall]) -> None:
    """Record calls that were collected in another thread."""
    collected = _calls.get()
    if collected is not None:
        collected += calls
        del collected[:-MAX_CALLS]


def _text(value: bytes | str) -> str:
    beginning = value[: 4 * MAX_TEXT_LENGTH]
    text = beginning.decode(errors="replace") if isinstance(beginning, bytes) else beginning
    text = NATIONAL_ID.sub("*" * 11, text)
    cut = text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]} … ({len(value)} in all)"
    return cut.replace("\x00", "\ufffd")  # PostgreSQL's JSON takes no NUL
