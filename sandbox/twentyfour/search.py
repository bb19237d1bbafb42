"""The search of the API: a record matches if it passes every given parameter."""

from collections.abc import Callable

from sandbox.twentyfour.state import Fields, Value

Tests = dict[str, Callable[[Value], bool]]


def passes(tests: Tests, wanted: Fields) -> bool:
    """Return whether a record passes its tests for the given search parameters."""
    return all(test(wanted[name]) for name, test in tests.items() if name in wanted)
