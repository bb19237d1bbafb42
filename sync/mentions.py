"""What a record is found by besides its own name: the customer of an invoice, mentioned while it is worked on."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_mentioned: ContextVar[list[str] | None] = ContextVar("mentioned", default=None)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Note what is mentioned inside, in this thread."""
    mentioned: list[str] = []
    token = _mentioned.set(mentioned)
    try:
        yield mentioned
    finally:
        _mentioned.reset(token)


def mention(name: str) -> None:
    """Mention a name; where nobody notes it, nothing comes of it."""
    mentioned = _mentioned.get()
    if mentioned is not None:
        mentioned.append(name)
