from datetime import timedelta

import pytest

from models.inbox.circuit_breaker import MAX_DELAY, open_for


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0), (2, 0), (3, 30), (4, 60), (6, 240), (7, 300), (5000, 300)]
)
def test_open_periods_grow_up_to_the_longest(failures: int, seconds: int) -> None:
    assert open_for(failures, jitter=0) == timedelta(seconds=seconds)
    assert open_for(failures, jitter=1) == timedelta(seconds=seconds) * 3 / 4
    assert open_for(failures, jitter=0) <= MAX_DELAY
