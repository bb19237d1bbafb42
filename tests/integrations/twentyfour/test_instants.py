"""Instants and days of 24SevenOffice, with or without a zone, even within one response."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour.customers import CustomerIndex
from integrations.twentyfour.instants import day_of, instant_of, without_zone
from integrations.twentyfour.session import Session
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import Remote, says, value_of

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MIXED = ("2026-03-02T08:59:59", "2026-03-02T10:00:00+01:00", "2026-03-02T08:00:00.1234567Z", None)
"""The second of these is the latest: at nine in UTC."""


@pytest.fixture
def register(remote: Remote, session: Session, cache: SharedCache) -> CustomerIndex:
    remote.answers["Login"] = [says("Login", "session")]
    remote.answers["GetCompanySyncList"] = [page(*MIXED)]
    found = "".join(f"<Company><Id>{number}</Id><Name>Nr. {number}</Name></Company>" for number in range(4))
    remote.answers["GetCompanies"] = [says("GetCompanies", found)]
    return CustomerIndex(session, cache)


def page(*changed: str | None) -> Answer:
    """Return as many customers, each last changed at an instant or at none."""
    items = "".join(
        f"<SyncCompany><CompanyId>{number}</CompanyId>"
        + (f"<DateChanged>{at}</DateChanged>" if at else "")
        + "<DateRegistered>2026-01-01T00:00:00</DateRegistered><Active>true</Active></SyncCompany>"
        for number, at in enumerate(changed, 1)
    )
    counts = "<CurrentPage>1</CurrentPage><TotalPages>1</TotalPages><TotalItems>4</TotalItems>"
    return says("GetCompanySyncList", f"{counts}<ItemsPerPage>1000</ItemsPerPage><Items>{items}</Items>")


def asked_since(remote: Remote) -> str:
    return value_of("ChangedAfter", [each.body for each in remote.asked if "SyncList" in each.operation][-1])


def test_a_customer_index_with_instants_of_several_zones_is_read(remote: Remote, register: CustomerIndex) -> None:
    assert [company.number for company in register.companies()] == [1, 2, 3]
    register.companies()
    assert asked_since(remote) == "2026-03-02T08:50:00"


def test_a_refresh_of_such_an_index_starts_at_the_latest_instant(remote: Remote, register: CustomerIndex) -> None:
    assert register.count() == (4, 0)
    assert asked_since(remote) == "2026-03-02T08:50:00"


def test_an_instant_in_another_notation_is_no_change(remote: Remote, register: CustomerIndex) -> None:
    register.companies()
    remote.answers["GetCompanySyncList"] = [
        page("2026-03-02T09:59:59+01:00", "2026-03-02T09:00:00", "2026-03-02T08:00:00.1234567")
    ]
    register.companies()
    assert remote.times("GetCompanies") == 1


@pytest.mark.parametrize(
    "written", [NINE, NINE.replace(tzinfo=None), NINE.astimezone(timezone(timedelta(hours=1)))]
)
def test_an_instant_without_a_zone_is_in_utc_and_an_offset_is_honoured(written: datetime) -> None:
    assert (instant_of(written), instant_of(written).tzinfo) == (NINE, UTC)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-12-31T23:59:59", date(2026, 12, 31)),  # a day, whatever o'clock it is in UTC
        ("2026-12-31T23:59:59Z", date(2027, 1, 1)),
        ("2027-01-01T00:00:00+01:00", date(2027, 1, 1)),
        ("2026-03-02T00:00:00+02:00", date(2026, 3, 2)),  # a day of Helsinki, where 24SevenOffice runs
        ("2026-06-16T00:00:00+03:00", date(2026, 6, 16)),
        ("9999-12-31T23:59:59.999999Z", date(9999, 12, 31)),
    ],
)
def test_a_day_without_a_zone_is_an_oslo_day(written: str, day: date) -> None:
    assert day_of(datetime.fromisoformat(written)) == day


@pytest.mark.parametrize(
    ("at", "starts", "ends"),
    [
        ("01:59", "01:59", "01:59"),
        ("02:00", "00:00", "04:00"),  # skipped in Oslo
        ("03:59", "01:59", "05:59"),  # in Helsinki
        ("04:00", "04:00", "04:00"),
    ],
)
def test_an_instant_skipped_by_summer_time_is_moved_out_of_the_gap(at: str, starts: str, ends: str) -> None:
    instant = datetime.fromisoformat(f"2026-03-29T{at}:00Z")
    assert without_zone(instant) == datetime.fromisoformat(f"2026-03-29T{starts}:00")
    assert without_zone(instant, ends=True) == datetime.fromisoformat(f"2026-03-29T{ends}:00")
    assert without_zone(instant - timedelta(days=7)) == (instant - timedelta(days=7)).replace(tzinfo=None)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_an_instant_at_an_end_of_the_calendar_can_be_compared(written: str) -> None:
    assert instant_of(datetime.fromisoformat(written)).tzinfo is UTC
