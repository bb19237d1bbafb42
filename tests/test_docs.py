from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from config.settings import Settings
from models.settings import ConnectionSettings
from worker.__main__ import main

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
PAGES = {path: path.read_text() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))}
TEXT = "\n".join(PAGES.values()).replace("\\\n", "")
SOURCES = "\n".join(
    path.read_text()
    for room in ("config", "integrations", "models", "sync", "web", "worker")
    for path in (ROOT / room).rglob("*.py")
)
COMMAND = re.compile(r'`worker ([^`]+)`|make worker [^"\n]*ARGS="([^"]+)"|python -m worker (\w[^`.\n]+)')


def test_links_lead_somewhere() -> None:
    links = [
        (page, link)
        for page, text in PAGES.items()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)
        if not (page.parent / link).exists()
    ]
    assert links == []


def test_every_target_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", TEXT, re.MULTILINE))
    assert named - set(targets) == set()


def test_every_command_is_understood() -> None:
    commands = {next(filter(None, found)).removesuffix("...") for found in COMMAND.findall(TEXT)}
    assert [each for each in commands if CliRunner().invoke(main, [*shlex.split(each), "--help"]).exit_code] == []


@pytest.mark.parametrize("settings", [Settings, ConnectionSettings])
def test_the_settings_are_explained_as_the_code_explains_them(settings: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = [
        f"| `{name.upper() if settings is Settings else name}` | {default(field)} | {field.description}"
        for name, field in settings.model_fields.items()
    ]
    assert [row for row in rows if row not in page] == []


def test_every_assumption_stands_where_the_page_says() -> None:
    page = (ROOT / "docs" / "assumptions.md").read_text()
    places = re.findall(r"^\| [SM]\d+ \|.*?\| `([^`]+)`(?:: `(?:\w+\.)?(\w+))?", page, re.MULTILINE)
    assert [(path, name) for path, name in places if name not in (ROOT / path).read_text()] == []


def test_every_assumption_that_the_code_names_is_explained() -> None:
    page = (ROOT / "docs" / "assumptions.md").read_text()
    named = set(re.findall(r"\b[SM][1-9]\d?\b", SOURCES))
    assert [number for number in named if f"| {number} |" not in page] == []


def test_every_event_of_the_log_is_explained() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    events = set(re.findall(r'\blog\.(?:debug|info|warning|error|exception)\(\s*"(\w+)"', SOURCES))
    assert [event for event in events if f"| `{event}` |" not in page] == []


def default(field: FieldInfo) -> str:
    """Write a setting's default as the page does."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    match value:
        case SecretStr():
            value = value.get_secret_value()
        case bool():
            value = "yes" if value else "no"
        case frozenset():
            value = ", ".join(sorted(value))
    return f"`{value}`" if value or value == 0 else "none"
