"""Fills in a form of a page as a person does: fields keep their values unless others are given."""

import re
from typing import Any

import lxml.html
import requests
from lxml.html import FormElement

from tests.web.conftest import Person


def form_of(page: requests.Response, action: str) -> FormElement:
    """Return the form that is sent to a path."""
    (found,) = [form for form in lxml.html.document_fromstring(page.content).forms if form.action == action]
    return found


def fields_of(page: requests.Response, action: str) -> dict[str, Any]:
    """Return what a browser would send without any input."""
    fields: dict[str, list[str]] = {}
    for name, value in form_of(page, action).form_values():
        fields.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def fill_in(person: Person, path: str, *, to: str = "", **entered: Any) -> requests.Response:
    """Open a page, fill in its form, and send it there, or ``to`` the path of another button."""
    fields = fields_of(person.get(path), path)
    return person.ask("POST", to or path, data={**fields, **entered})


def error_at(page: requests.Response, name: str) -> str:
    """Return the error shown at a field, which is connected to it for screen readers."""
    error = re.search(rf'<p class="error" id="({name}(?:-\w+)?-error)">(.*?)</p>', page.text)
    assert error, page.text
    field = re.search(rf'<(?:input|textarea|select)[^>]*name="{name}"[^>]*>', page.text)
    assert field
    assert error[1] in field[0]
    assert 'aria-invalid="true"' in field[0]
    return error[2]


def summary_of(page: requests.Response) -> dict[str, str]:
    """Return the summary above a refused form, by the ids that it links to; it has the focus."""
    tree = lxml.html.document_fromstring(page.content)
    (summary,) = tree.xpath("//*[@role='alert'][@autofocus][@tabindex='-1']")
    links = {link.get("href").removeprefix("#"): link.text_content() for link in summary.iter("a")}
    assert [name for name in links if not tree.xpath(f"//*[@id='{name}']")] == []
    return links


def forms_to(page: requests.Response, action: str) -> list[str]:
    """Return the values of the buttons of all forms to a path."""
    forms = [form for form in lxml.html.document_fromstring(page.content).forms if form.action == action]
    return [str(button.get("value")) for form in forms for button in form.iter("button")]
