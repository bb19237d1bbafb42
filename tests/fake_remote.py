"""What both fake remote systems share: counted calls, and faults on demand."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Remote:
    """A system that counts its calls and can be told to fail, before or after it does the work.

    Each call takes the next item of the list: an error to raise, or None to succeed.
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
