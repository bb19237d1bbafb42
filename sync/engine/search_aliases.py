"""What a record is found by besides its own name: the customer of an invoice, mentioned while it is worked on."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_search_aliases: ContextVar[list[str] | None] = ContextVar("mentioned", default=None)


@contextmanager
def collecting_aliases() -> Iterator[list[str]]:
    """Note what is mentioned inside, in this thread."""
    search_aliases: list[str] = []
    token = _search_aliases.set(search_aliases)
    try:
        yield search_aliases
    finally:
        _search_aliases.reset(token)


def add_search_alias(name: str) -> None:
    """Mention a name; where nobody notes it, nothing comes of it."""
    search_aliases = _search_aliases.get()
    if search_aliases is not None:
        search_aliases.append(name)
