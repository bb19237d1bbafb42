"""What both remote systems in memory have in common: calls that are counted, and that go wrong on demand."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Remote:
    """A system that counts its calls and can be told to fail: before it does the work, or after.

    Each call takes the next of the list: an error to raise, or None to go well.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.fails_before: defaultdict[str, list[Exception | None]] = defaultdict(list)
        self.fails_after: defaultdict[str, list[Exception | None]] = defaultdict(list)

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        self.calls[operation] += 1
        _fail(self.fails_before[operation])
        yield
        _fail(self.fails_after[operation])


def _fail(errors: list[Exception | None]) -> None:
    error = errors.pop(0) if errors else None
    if error:
        raise error
