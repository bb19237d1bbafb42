from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from tests.installation import environment, installed, own_logging, stuck
from tests.sandbox.serving import serving
from web.app import create_app

if TYPE_CHECKING:
    from tests.web.conftest import Web
    from worker.wiring import Bridge


def test_the_front_page_says_what_this_is_and_loads_nothing_from_elsewhere(web: Web) -> None:
    page = web.get("/")
    assert page.status_code == 200
    assert "24SevenOffice" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert web.get("/static/style.css").status_code == 200


def test_a_change_is_shown_with_its_reason_and_what_to_do(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    page = web.get(f"/changes/{change_id}", password="page-password")
    assert page.status_code == 200
    for words in ("Invoice 1024", "Demo AS", "The account 3999 is unknown.", "Open the account in 24SevenOffice."):
        assert words in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_change_is_shown_to_those_with_the_password_only(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    for password in ("", "guess", "påsson"):
        page = web.get(f"/changes/{change_id}", password=password)
        assert page.status_code == 401
        assert "1024" not in page.text
        assert page.headers["WWW-Authenticate"].startswith("Basic")


def test_what_needs_a_person_is_listed_with_links(web: Web, bridge: Bridge) -> None:
    assert "Nothing: everything has come across." in web.get("/changes", password="page-password").text
    change_id = stuck(bridge, web.connection)
    page = web.get("/changes", password="page-password").text
    assert f'<a href="/changes/{change_id}">Invoice 1024</a>' in page
    assert "needs a person" in page
    assert web.get("/changes").status_code == 401


def test_what_a_record_is_called_cannot_change_the_page(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection, title="<script>alert(1)</script>")
    page = web.get(f"/changes/{change_id}", password="page-password")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_a_change_that_is_not_there_is_not_found(web: Web) -> None:
    assert web.get("/changes/4711", password="page-password").status_code == 404


def test_without_a_password_set_the_page_is_closed(database_url: str, redis_url: str) -> None:
    environ = {**environment(database_url, redis_url), "WEB_PASSWORD": ""}
    with installed(environ), own_logging(), serving(create_app()) as url:
        page = requests.get(f"{url}/changes/1", auth=("anyone", ""), timeout=10)
    assert page.status_code == 403
    assert "WEB_PASSWORD" in page.text
