"""A person who signs in: keeps cookies, also those for https only, and fills in the form."""

import re
from collections.abc import Iterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import requests


class Browser:
    """A browser in which no user is signed in yet; ``url`` is that of the web process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.headers = {"Accept-Language": "en"}

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, **self.headers} | options.pop("headers", {})
        response = requests.request(
            method, self.url + path, headers=headers, allow_redirects=False, timeout=10, **options
        )
        for cookie in cookies_of(response):
            self.cookies[cookie.key] = cookie.value
            if cookie["max-age"] == "0":
                del self.cookies[cookie.key]
        return legible(response)

    def sign_in(self, email: str, password: str, *, path: str = "/sign-in") -> requests.Response:
        csrf = self.form(path)
        return self.ask("POST", path, data={"csrf": csrf, "email": email, "password": password})

    def form(self, path: str = "/sign-in") -> str:
        """Load a page with a form, and return its CSRF token."""
        found = re.search(r'name="csrf" value="(\w+)"', self.ask("GET", path).text)
        assert found
        return found[1]


def legible(response: requests.Response) -> requests.Response:
    """Replace the entities of apostrophes by what a reader sees."""
    response._content = response.content.replace(b"&#39;", b"'")  # noqa: SLF001 - requests has no other way to do this
    return response


def cookies_of(response: requests.Response) -> Iterator[Morsel[str]]:
    """Return the cookies that a response sets, with their attributes."""
    for header in response.raw.headers.getlist("Set-Cookie"):
        yield from SimpleCookie(header).values()
