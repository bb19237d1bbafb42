"""How every search of the API works: a record is found if it passes each parameter that the caller gave."""

from collections.abc import Callable

from sandbox.twentyfour.state import Fields, Value

Tests = dict[str, Callable[[Value], bool]]


def passes(tests: Tests, wanted: Fields) -> bool:
    """Hold a record's tests against the search parameters that are given."""
    return all(test(wanted[name]) for name, test in tests.items() if name in wanted)
