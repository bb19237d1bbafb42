"""Invalid input of people and programs, with an error for each field."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class InvalidInputError(ValueError):
    """The input is invalid; ``errors`` says why, by field."""

    def __init__(self, **errors: str) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@contextmanager
def gather_errors(errors: dict[str, str]) -> Iterator[None]:
    """Collect the errors raised in the block, so that a person sees all of them at once."""
    try:
        yield
    except InvalidInputError as error:
        errors |= error.errors


def raise_errors(errors: Mapping[str, str]) -> None:
    """Raise InvalidInputError if there are errors."""
    if errors:
        raise InvalidInputError(**errors)
