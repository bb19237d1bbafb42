from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from integrations.moment.client import pooled_session
from integrations.remote_clock import MAX_LAG, RemoteClock
from tests.factories import NOW
from tests.http_server import Answer
from tests.integrations.moment.remote import serving

BEHIND = timedelta(minutes=15)


def date(*, behind: timedelta) -> dict[str, str]:
    return {"Date": format_datetime(NOW - behind, usegmt=True)}


@pytest.mark.parametrize(
    ("headers", "lag"),
    [
        (date(behind=BEHIND), BEHIND),
        (date(behind=timedelta(seconds=90)), timedelta()),
        (date(behind=-BEHIND), timedelta()),
        (date(behind=timedelta(days=400)), MAX_LAG),
        (date(behind=BEHIND) | {"Age": "900"}, timedelta()),
        ({"Date": "yesterday"}, timedelta()),
        ({"Date": "Mon, 02 Mar 2026 08:45:00 -0000"}, timedelta()),
        ({}, timedelta()),
    ],
)
def test_a_clock_behind_ours_is_trusted_within_bounds(headers: dict[str, str], lag: timedelta) -> None:
    clock = RemoteClock("moment", lambda: NOW)
    clock.record_response(headers)
    assert clock.lag() == lag


def dated(headers: dict[str, str]) -> Answer:
    """Respond with no other Date than this one."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        for name, value in ({"Content-Length": "0"} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def test_every_response_measures_the_clock() -> None:
    clock = RemoteClock("moment", lambda: NOW)
    session = pooled_session(remote_clock=clock)
    with serving() as remote:
        remote.answers["GET customers/7"] = [dated(date(behind=BEHIND)), dated(date(behind=-BEHIND))]
        lags = []
        for _ in range(2):
            session.get(f"{remote.url}/companies/1001/customers/7", timeout=5)
            lags.append(clock.lag())
    assert lags == [BEHIND, timedelta()]
