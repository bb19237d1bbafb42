from datetime import timedelta

import pytest

from models.enums import EntityType
from sync.engine import write_deadline
from sync.engine.write_deadline import WriteDeadline, enforce
from sync.errors import UnavailableError
from tests import factories
from tests.sync.conftest import SyncHarness

LONG = timedelta(seconds=100)


class Clocks:
    """A wall clock and a monotonic clock, both set by the test."""

    now, tick = factories.NOW, 5.0

    def write_deadline(self) -> WriteDeadline:
        return WriteDeadline(clock=lambda: self.now, monotonic=lambda: self.tick, lease_ttl=3 * LONG)


@pytest.mark.parametrize(("instant", "seconds"), [(LONG, 0), (timedelta(), 100), (-LONG, 100)])
def test_the_write_deadline_passes_by_whichever_clock_is_first(instant: timedelta, seconds: float) -> None:
    clocks = Clocks()
    one = clocks.write_deadline()
    assert not one.has_passed()
    clocks.now += instant
    clocks.tick += seconds
    assert one.has_passed()
    one.renew()
    assert not one.has_passed()


def test_without_a_lease_there_is_no_write_deadline() -> None:
    clocks = Clocks()
    with enforce(clocks.write_deadline()):
        clocks.tick += 100
        with pytest.raises(UnavailableError):
            write_deadline.check()
    write_deadline.check()


def test_a_renewed_lease_moves_the_write_deadline(harness: SyncHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like calls to a remote system, the fake obeys the write deadline."""
    save, over = harness.erp.save_companies, []

    def slow(drafts: object) -> object:
        write_deadline.check()
        return save(drafts)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(harness.erp, "save_companies", slow)
    harness.moment.put(factories.customer("1"))
    read = harness.moment.customer

    def late(record_id: str) -> object:
        over.append(record_id)
        harness.later(minutes=2)
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", late)
    harness.receive(EntityType.CUSTOMER, "1")
    harness.drain(EntityType.CUSTOMER)
    assert (len(over), len(harness.erp.companies)) == (1, 1)
