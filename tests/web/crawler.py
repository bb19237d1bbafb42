"""Crawls the pages as a person would, by links and search forms, and collects every form on the way."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import lxml.html
import requests
from lxml.html import FormElement, HtmlElement

MAX_URLS_PER_ROUTE = 4
"""How many URLs of one route are visited: lists have endless variants."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of a page: ``fields`` are its names with the values that it offers for each."""

    page: str
    route: str
    action: str
    method: str
    fields: Mapping[str, tuple[str, ...]]


@dataclass
class Crawler:
    """Visits all pages that a user may see; without a cookie in its ``session``, no user is signed in.

    ``url`` is that of the web process, and ``routes`` are the paths of the app, with parameters in braces.
    """

    url: str
    routes: Iterable[str]
    session: requests.Session
    pages: dict[str, requests.Response] = field(default_factory=dict)

    def crawl(self, *starts: str) -> None:
        """Follow all links from these paths."""
        ahead, seen = deque(starts), Counter[str]()
        while ahead:
            address = ahead.popleft()
            if address in self.pages or seen[route := self.route(address)] >= MAX_URLS_PER_ROUTE:
                continue
            seen[route] += 1
            self.pages[address] = page = self.session.get(self.url + address, timeout=10)
            ahead += self._links_of(address, page)

    def forms(self) -> list[Form]:
        """Return the forms, one of each kind: same route, same fields."""
        found: dict[Any, Form] = {}
        for address, page in self.pages.items():
            for form in self._forms(address, page):
                found.setdefault((form.route, form.method, tuple(form.fields)), form)
        return list(found.values())

    def reload(self, form: Form) -> Form:
        """Return a form as its page shows it now; if it is gone, as it was, with the CSRF token of others."""
        shown = list(self._forms(form.page, self.session.get(self.url + form.page, timeout=10)))
        stale = replace(
            form, fields={**form.fields, "csrf": shown[0].fields.get("csrf", ("",)) if shown else ("",)}
        )
        return next((each for each in shown if each.action == form.action), stale)

    def route(self, address: str) -> str:
        """Return the route of a path; if two match, the more specific one."""
        path = urlsplit(address).path
        fitting = [each for each in self.routes if _pattern(each).fullmatch(path)]
        return min(fitting, key=lambda each: each.count("{"), default="")

    def _links_of(self, address: str, page: requests.Response) -> Iterator[str]:
        """Return the URLs of a page's links, and of its search forms with the values that they offer."""
        for link in _tree(page).xpath("//a/@href") if _is_page(page) else ():
            there = urlsplit(urljoin(page.url, link))
            if f"{there.scheme}://{there.netloc}" == self.url and not there.path.startswith("/static"):
                yield there.path + (f"?{there.query}" if there.query else "")
        for form in self._forms(address, page):
            if form.method == "GET":
                offered = {name: values[0] for name, values in form.fields.items()}
                yield f"{form.action}?{urlencode(offered)}"

    def _forms(self, address: str, page: requests.Response) -> Iterator[Form]:
        """Return the forms of a page; one with a button for another URL counts as two."""
        for form in _tree(page).forms if _is_page(page) else ():
            for action in (form.action, *form.xpath(".//button/@formaction")):
                there = urlsplit(urljoin(page.url, action or "")).path
                fields = _fields(form)
                yield Form(page=address, route=self.route(there), action=there, method=form.method, fields=fields)


@cache
def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", route))


def _fields(form: FormElement) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for element in form.xpath(".//*[@name]"):
        fields[element.get("name")] = (*fields.get(element.get("name"), ()), *_offered(element))
    return fields


def _offered(element: HtmlElement) -> Iterable[str]:
    match element.tag:
        case "select":
            return [option.get("value", "") for option in element.iter("option")]
        case "textarea":
            return [element.text or ""]
    return [element.get("value", "")]


def _is_page(page: requests.Response) -> bool:
    return page.headers.get("Content-Type", "").startswith("text/html")


def _tree(page: requests.Response) -> HtmlElement:
    return lxml.html.document_fromstring(page.content, base_url=page.url)
