import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from local.servers import Server
from models.enums import Role
from tests.sandbox.serving import serving
from tests.web.conftest import Web
from web import dependencies
from web.app import create_app
from web.security.headers import MAX_BODY_BYTES


@pytest.mark.parametrize(
    "path", ["/", "/account", "/sign-in", "/nowhere", "/health/live", "/static/style.css", "/webhooks/moment/x"]
)
def test_every_response_has_the_security_headers(web: Web, path: str) -> None:
    headers = web.as_(Role.VIEWER).get(path).headers
    assert headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self';"
    )
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_a_page_whose_url_is_a_secret_is_no_referrer(web: Web) -> None:
    """Its style sheet would otherwise be requested with that URL, which proxies log."""
    assert web.nobody().get("/sign-in/link/secret").headers["Referrer-Policy"] == "strict-origin"


def test_unchanged_static_files_are_not_sent_again(web: Web) -> None:
    first = web.get("/static/style.css")
    again = web.nobody().ask("GET", "/static/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"])
def test_only_static_files_are_served_as_such(web: Web, path: str) -> None:
    with requests.Session() as session:
        raw = requests.Request("GET", web.url).prepare()
        raw.url = web.url + path  # requests would tidy it up
        response = session.send(raw, timeout=10)
    assert response.status_code == 404
    assert "create_app" not in response.text


@pytest.mark.parametrize("path", ["/sign-in", "/account/language", "/users/new", "/webhooks/moment/x"])
def test_a_body_that_is_too_long_is_refused_even_without_a_length(web: Web, path: str) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b"a" * 1024

    one = web.as_(Role.ADMINISTRATOR)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"a" * (MAX_BODY_BYTES + 1), drip()):
        assert one.ask("POST", path, data=body, headers=form).status_code == 413


def test_a_missing_page_is_shown_in_the_visitors_language(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/nowhere")
    assert (page.status_code, "Page not found" in page.text) == (404, True)
    assert 'lang="en"' in page.text
    assert web.nobody().get("/nowhere").status_code == 404


def test_an_impossible_number_is_not_found(web: Web) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    for number in ("0", "-1", "x", "1e3", "٣", "9" * 30, "%00"):
        assert one.get(f"/users/{number}").status_code == 404


def test_errors_for_programs_are_not_pages(web: Web) -> None:
    response = web.notify(b"")
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/json")


@pytest.mark.kills
def test_without_the_database_a_page_asks_to_try_again_later(web: Web, postgres: Server) -> None:
    one = web.as_(Role.VIEWER)
    postgres.kill()
    try:
        page = one.get("/account")
    finally:
        postgres.start()
    assert (page.status_code, page.headers["Retry-After"]) == (503, "30")
    assert "text/html" in page.headers["Content-Type"]


def test_a_crash_reveals_no_internals(web: Web) -> None:
    app = create_app()

    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("postgresql://bridge:secret@host")

    with serving(app) as url:
        page = requests.get(f"{url}/crash", headers={"Accept-Language": "en"}, timeout=10)
    assert (page.status_code, "Something went wrong on our side" in page.text) == (500, True)
    assert "secret" not in page.text
    assert page.headers["X-Frame-Options"] == web.get("/sign-in").headers["X-Frame-Options"] == "DENY"


def test_a_form_that_does_not_arrive_times_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "MAX_BODY_SECONDS", 0.3)
    address = urlsplit(web.url)
    head = "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as sender:
        sender.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\na=".encode())
        assert sender.recv(4096).startswith(b"HTTP/1.1 408 ")
