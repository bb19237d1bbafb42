from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
import requests

from tests.factories import NOW, settings
from tests.installation import environment, eventually, installed, own_logging
from tests.sandbox.serving import serving
from tests.web.conftest import Web
from web.app import create_app

TOKEN = "let-me-in"


@pytest.fixture
def watched(database_url: str, redis_url: str) -> Iterator[Web]:
    """An installation with a token."""
    with installed({**environment(database_url, redis_url), "METRICS_TOKEN": TOKEN}) as container:
        connection, token = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
        with own_logging(), serving(create_app()) as url:
            yield Web(url, container, connection, token)


def ask(web: Web, *, token: str) -> requests.Response:
    return requests.get(f"{web.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_the_token_shows_the_metrics_of_the_process_and_the_installation(watched: Web) -> None:
    response = ask(watched, token=TOKEN)
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    for line in (
        "moment24_tasks_running 0.0",
        "moment24_postgresql_up 1.0",
        'moment24_connections{state="working"} 1.0',
    ):
        assert line in response.text.splitlines()


def test_without_the_right_token_nothing_is_shown(watched: Web) -> None:
    for response in (watched.get("/metrics"), ask(watched, token=""), ask(watched, token="let-me-øut")):
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "moment24_" not in response.text


def test_without_a_configured_token_there_are_no_metrics(web: Web) -> None:
    assert {web.get("/metrics").status_code, ask(web, token="").status_code} == {404}


def test_a_request_without_a_path_is_answered_and_counted(watched: Web) -> None:
    with closing(HTTPConnection(watched.url.removeprefix("http://"), timeout=10)) as asking:
        asking.request("OPTIONS", "*")
        with asking.getresponse() as response:
            assert response.status == 404
    counted = 'moment24_http_requests_total{part="page",status="404"} 1.0'
    eventually(lambda: counted in ask(watched, token=TOKEN).text)


def test_responses_are_counted_by_part_and_no_path_is_exposed(watched: Web) -> None:
    watched.notify(b'{"customer": {"id": 7}}')
    watched.get("/webhooks/moment/nobody-has-this")
    watched.get("/nowhere")
    watched.get("/health/live")
    eventually(
        lambda: 'moment24_http_requests_total{part="webhook",status="202"} 1.0' in ask(watched, token=TOKEN).text
    )
    metrics = ask(watched, token=TOKEN).text  # a response is counted a moment after it was given
    for part, status in (("webhook", 202), ("webhook", 405), ("page", 404), ("health", 200)):
        assert f'moment24_http_requests_total{{part="{part}",status="{status}"}} 1.0' in metrics.splitlines()
    assert 'moment24_http_request_seconds_count{part="webhook"} 2.0' in metrics.splitlines()
    assert watched.webhook_url.rpartition("/")[2] not in metrics
    assert "nobody-has-this" not in metrics
