from datetime import timedelta

import pytest

from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection, Connections
from models.database import Database
from models.inbox.circuit_breaker import MAX_DELAY, open_duration
from tests.factories import NOW
from tests.models import outages


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0), (2, 0), (3, 30), (4, 60), (6, 240), (7, 300), (5000, 300)]
)
def test_open_periods_grow_up_to_the_longest(failures: int, seconds: int) -> None:
    assert open_duration(failures, jitter=0) == timedelta(seconds=seconds)
    assert open_duration(failures, jitter=1) == timedelta(seconds=seconds) * 3 / 4
    assert open_duration(failures, jitter=0) <= MAX_DELAY


def test_an_outage_does_not_shorten_the_wait_that_a_rate_limit_asks_for(
    database: Database, connections: Connections, connection: Connection
) -> None:
    wait, soon = timedelta(minutes=30), NOW + timedelta(seconds=5)
    outages.fail(database, connection.id, alert_type=AlertType.RATE_LIMITED, retry_after=wait, now=NOW)
    outages.fail(database, connection.id, retry_after=timedelta(0), now=soon)
    outages.fail(database, connection.id, retry_after=timedelta(0), now=soon)
    assert connections.get(connection.id).breaker_open_until == NOW + wait
