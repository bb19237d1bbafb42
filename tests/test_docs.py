import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.routing import APIRoute
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.settings import Settings
from models.connections.settings import ConnectionSettings
from models.schema.tables import Base
from sync.error_codes import ERROR_CODES
from web.app import ROUTERS
from worker import __version__
from worker.__main__ import main

ROOT = Path(__file__).parents[1]
PAGES = {path: path.read_text() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))}
TEXT = "\n".join(PAGES.values()).replace("\\\n", "")
SOURCES = "\n".join(
    path.read_text()
    for room in ("config", "integrations", "models", "sync", "web", "worker")
    for path in (ROOT / room).rglob("*.py")
)
METRICS = (ROOT / "docs" / "metrics.md").read_text()
EVENTS = set(re.findall(r'\blog\.(?:debug|info|warning|error|exception)\(\s*"(\w+)"', SOURCES))
ROUTES = [
    re.compile(re.sub(r"\{\w+\}", "[^/]+", f"{router.prefix}{path}"))
    for router in ROUTERS
    for path in {route.path.removeprefix(router.prefix) for route in router.routes if isinstance(route, APIRoute)}
]
OF_ENVIRONMENT = {name.upper() for name in Settings.model_fields} | {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "FLOWER_BASIC_AUTH",
}
OTHER_NAMES = {
    *("connection", "entity_type", "record", "job", "jobs", "task", "task_id", "lease_id"),  # fields of the log
    *("user", "error_code", "outcome", "found", "actor", "action", "entry", "proxy"),  # and more of them
    *("cause", "disk_full", "read_only"),  # and more
    *("prompt=login", "max_age", "auth_time"),  # what OpenID Connect calls it
    *("ledger", "draft", "series"),  # choices of settings
    "warn",  # what the doctor prints
    *(
        "worker.alive",
        "options",
        "settings",
        "statement",
        "RECONNECT",
        "default_pool_size",
        "query_wait_timeout",
        "server_login_retry",
    ),
    *("retry", "noeviction", "look", "BAD", "SANDBOX=0", "backup"),
}
COMMAND = re.compile(
    r'`moment24 ([a-z][^`]+)`|make worker [^"\n]*ARGS="([^"]+)"|(?:exec|run --rm) worker moment24 ([^`.\n]+)'
    r"|deployment/worker -- moment24 ([^`.\n]+)"
)


def test_links_lead_somewhere() -> None:
    links = [
        (page, link)
        for page, text in PAGES.items()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)
        if not (page.parent / link).exists()
    ]
    assert links == []


@pytest.mark.parametrize("name", ["architecture.md", "threat-model.md"])
def test_every_path_in_a_page_that_leads_through_the_code_exists(name: str) -> None:
    page = (ROOT / "docs" / name).read_text()
    paths = {path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", page) if not path.startswith("/")}
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_folder_of_the_readme_exists_and_every_folder_is_in_it() -> None:
    page = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert [name for name in listed if not (ROOT / name).is_dir()] == []
    assert packages - listed == set()


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = re.findall(r"moment-24sevenoffice:([\d.]+\d)", TEXT)
    released = re.findall(r"^## (\d\S*) – \d{4}-\d\d-\d\d$", PAGES[ROOT / "CHANGELOG.md"], re.MULTILINE)
    assert {__version__, *images, released[0]} == {version}


def test_every_target_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", TEXT, re.MULTILINE))
    assert named - set(targets) == set()


def test_every_command_is_valid() -> None:
    commands = {next(filter(None, found)).removesuffix("...") for found in COMMAND.findall(TEXT)}
    assert [each for each in commands if CliRunner().invoke(main, [*shlex.split(each), "--help"]).exit_code] == []


def test_commands_are_written_as_they_are_installed() -> None:
    assert re.findall(r"`worker \w[^`]*`|python -m worker \w+", TEXT) == []


@pytest.mark.parametrize("settings", [Settings, ConnectionSettings])
def test_the_settings_are_explained_as_the_code_explains_them(settings: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = [
        f"| `{name.upper() if settings is Settings else name}` | {default(field)} | {field.description}"
        for name, field in settings.model_fields.items()
    ]
    assert [row for row in rows if row not in page] == []


def test_every_assumption_is_where_the_page_says() -> None:
    page = (ROOT / "docs" / "assumptions.md").read_text()
    cells = re.findall(r"^\| [SM]\d+ \|[^|]*\|([^|]*)\|", page, re.MULTILINE)
    places = [re.findall(r"`([^`]+)`", place) for cell in cells for place in cell.split(";")]
    assert len(cells) == len(re.findall(r"^\| [SM]\d+ \|", page, re.MULTILINE))
    assert [(path, name) for path, *names in places for name in names if not defines(path, name)] == []


def defines(path: str, name: str) -> bool:
    """Return whether a module defines a function, class, method, constant or field, such as "Class.method"."""
    last = name.rpartition(".")[2]
    definition = rf"^\s*(?:(?:def|class) {last}\b|(?:\w+, )*{last}(?:, \w+)*\s*[:=])"
    return bool(re.search(definition, (ROOT / path).read_text(), re.MULTILINE))


def test_every_assumption_that_the_code_names_is_explained() -> None:
    page = (ROOT / "docs" / "assumptions.md").read_text()
    named = set(re.findall(r"\b[SM][1-9]\d?\b", SOURCES))
    assert [number for number in named if f"| {number} |" not in page] == []


def test_every_event_of_the_log_is_explained() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    assert [event for event in EVENTS if f"| `{event}` |" not in page] == []


def test_everything_that_the_runbook_names_exists() -> None:
    """Its commands are tried above; here its pages, and the names in it: events, error codes and settings."""
    page = (ROOT / "docs" / "runbook.md").read_text()
    named = set(re.findall(r"`([^` ]+)`", re.sub(r"^    .*$", "", page, flags=re.MULTILINE)))
    pages = {name for name in named if name.startswith("/") and name != "/webhooks/moment/"}
    assert [name for name in pages if not any(pattern.fullmatch(name) for pattern in ROUTES)] == []
    reasons = {name.removeprefix("/error-codes/") for name in pages if name.startswith("/error-codes/")}
    assert reasons - set(ERROR_CODES) == set()
    assert {name for name in named if name.isupper()} - OF_ENVIRONMENT - OTHER_NAMES == set()
    metrics = {name for name in re.findall(r"`(moment24_[a-z_]+)", page) if f"| `{name}` |" not in METRICS}
    assert metrics == set()
    words = {
        name for name in named if re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and not name.startswith("moment24_")
    }
    assert words - EVENTS - set(ERROR_CODES) - set(ConnectionSettings.model_fields) - OTHER_NAMES == set()


def test_the_runbook_says_how_to_detect_fix_and_prevent_twelve_problems() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    things = re.findall(r"^### (\d+)\. .*?(?=^##)", page, re.MULTILINE | re.DOTALL)
    assert things == [str(number) for number in range(1, 13)]
    for marked in ("**Detect**", "**Fix**", "**Prevent**"):
        assert page.count(marked) == len(things)


def test_data_md_covers_every_table() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    assert [table for table in Base.metadata.tables if f"`{table}`" not in page] == []


def places_of(cell: str) -> Iterator[tuple[str, str]]:
    """Yield each file that a cell names, with each name in it, "" for the file itself."""
    path = ""
    for part in re.findall(r"`([^`]+)`", cell):
        if "/" in part:
            path = part
            yield path, ""
        else:
            yield from ((path, name) for name in part.split("."))


def is_defined(path: str, name: str) -> bool:
    """Return whether a file exists and defines a name: a class, function, attribute or constant."""
    source = (ROOT / path).read_text()
    definition = rf"^\s*(?:(?:class|def) {name}\b|(?:\w+, )*{name}\b[^=\n]*[:=])"
    return not name or re.search(definition, source, re.MULTILINE) is not None


def default(field: FieldInfo) -> str:
    """Format a setting's default as the page does."""
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
