"""The log of remote calls, kept with the attempt that made them.

Gateways record their calls, and code that works on a record collects them; otherwise they are dropped. Passwords
and sessions are never recorded.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sync.rules.identity_numbers import NATIONAL_ID

MAX_TEXT_LENGTH = 8000
"""Characters of a request or a response that are kept."""

MAX_CALLS = 20
"""Calls that are kept of an attempt, the last ones: a long file is hundreds of chunks."""


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call: its operation as the other system names it, the request, and the response if there was one."""

    operation: str
    request: str
    response: str


_calls: ContextVar[list[RemoteCall] | None] = ContextVar("heard", default=None)


@contextmanager
def recording_calls() -> Iterator[list[RemoteCall]]:
    """Collect the calls recorded inside, in this thread."""
    heard: list[RemoteCall] = []
    token = _calls.set(heard)
    try:
        yield heard
    finally:
        _calls.reset(token)


def record_call(operation: str, *, request: bytes | str, response: bytes | str) -> None:
    """Record a call. Long texts are cut, and national identity numbers masked."""
    heard = _calls.get()
    if heard is not None:
        heard.append(RemoteCall(operation, _text(request), _text(response)))
        del heard[:-MAX_CALLS]


def replay(calls: Iterable[RemoteCall]) -> None:
    """Record calls that were collected in another thread."""
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
