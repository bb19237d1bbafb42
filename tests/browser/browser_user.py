"""A person with a browser, who records the browser's complaints."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response

from i18n.catalog import Language

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 740}
WINDOWS: Mapping[str, Mapping[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}


@dataclass(frozen=True)
class Variant:
    """How a person reads the pages."""

    language: Language
    window: Mapping[str, int]
    script: bool


VARIANTS = {
    "in English, wide": Variant(Language.ENGLISH, DESKTOP, script=True),
    "in Norwegian, on a phone, without JavaScript": Variant(Language.NORWEGIAN, PHONE, script=False),
}
in_both_variants = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`Against the policy: ${event.violatedDirective} ${event.blockedURI}`))
"""
REPORT_FOCUS = """() => {
    const it = document.activeElement, style = getComputedStyle(it), place = it.getBoundingClientRect();
    const label = it.ariaLabel ?? it.labels?.[0]?.innerText ?? it.innerText;
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const within = place.width > 0 && place.top < innerHeight && place.bottom > 0;
    return { name: label.trim().replace(/\\s+/g, " "), role: it.type ?? "", shown: it === document.body || (outlined && within) };
}"""
"""The focused element, and whether its focus is visible."""

MAX_TABS = 100
TIMEOUT_SECONDS = 20
MILLISECONDS_BETWEEN_LOOKS = 300
NOT_FOUND = "Failed to load resource"


@dataclass(kw_only=True)
class Person:
    """A person's window: ``page`` is its page, ``complaints`` are the browser's messages about it.

    ``context`` is this person's browser context, with its own cookies, and ``url`` that of the web process.
    """

    context: BrowserContext
    url: str
    complaints: list[str] = field(default_factory=list)
    email: str = ""

    def __post_init__(self) -> None:
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("console", self._note_message)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("request", self._note_request)
        self.page: Page = self.context.new_page()

    def open(self, path: str) -> Response:
        """Open a path of ours, and return the response."""
        answer = self.page.goto(self.url + path)
        assert answer
        return answer

    def sign_in(self, email: str, password: str, *, path: str = "/") -> None:
        """Open a page and sign in when asked to."""
        self.open(path)
        self.page.locator("input[name=email]").fill(email)
        self.page.locator("input[name=password]").fill(password)
        with self.page.expect_navigation():
            self.page.locator("main form button").click()

    def tab_to(self, name: str, *, role: str = "") -> None:
        """Press Tab until an element with this name has the focus; on the way, the focus must always be visible."""
        for _ in range(MAX_TABS):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(REPORT_FOCUS)
            assert focused["shown"], focused
            if focused["name"] == name and role in ("", focused["role"]):
                return
        raise AssertionError(f"The keyboard does not get to {name}.")

    def press_enter(self) -> None:
        """Follow the link, or send the form, that has the focus."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def reload_until(self, there: Locator) -> None:
        """Reload the page until something is there."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not there.first.is_visible():
            assert time.monotonic() < deadline, self.page.locator("main").inner_text()
            self.page.wait_for_timeout(MILLISECONDS_BETWEEN_LOOKS)
            self.page.reload()

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _is_of_the_page_itself(message):
            self.complaints.append(f"{message.page and message.page.url}: {message.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith(self.url):
            self.complaints.append(f"{request.url} is not ours")


def _is_of_the_page_itself(message: ConsoleMessage) -> bool:
    """Return whether a message only says that a page was answered with an error, as a test intends."""
    opened = message.page and message.page.url.partition("#")[0]
    return message.text.startswith(NOT_FOUND) and message.location["url"] == opened
