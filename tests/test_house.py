from __future__ import annotations

import ast
import re
import sys
import tokenize
import tomllib
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.settings import Settings
from models.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]
SOURCES = sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py"))
GROUPS = {"sandbox": ("sandbox",), "local": ("project", "local"), "tests": ("project", "local", "sandbox", "dev")}
DISTRIBUTIONS = packages_distributions()
LINES_OF_A_FILE = 600
LINES_OF_A_FUNCTION = 60
SAYS_NOTHING = {"utils", "util", "common", "helpers", "helper", "core", "services", "manager", "handler"}
LOCKS = ("requirements.lock", "requirements-local.lock", "requirements-dev.lock")
SANDBOX_LOCK = "requirements-sandbox.lock"
EXEMPTION = re.compile(r"# (noqa|type: ignore|pragma)")
REASONED = re.compile(r"# (noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[a-z-]+\]|pragma: [a-z ]+)\W+\w+")


def test_a_file_is_read_in_one_sitting() -> None:
    assert [path for path in SOURCES if len(path.read_text().splitlines()) > LINES_OF_A_FILE] == []


def test_a_function_fits_on_a_screen() -> None:
    written = [path for path in SOURCES if "versions" not in path.parts]  # what a migration does is one long list
    assert [name for path in written for name, lines in functions(path) if lines > LINES_OF_A_FUNCTION] == []


def test_a_name_says_what_is_inside() -> None:
    assert [path for path in SOURCES if set(re.split(r"\W|_", str(path.relative_to(ROOT)))) & SAYS_NOTHING] == []


def test_nothing_is_left_for_later() -> None:
    assert [comment for comment in all_comments() if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", comment)] == []


def test_an_exemption_names_its_rule_and_its_reason() -> None:
    exemptions = [comment for comment in all_comments() if EXEMPTION.match(comment)]
    assert [exemption for exemption in exemptions if not REASONED.match(exemption)] == []


def test_no_test_is_skipped() -> None:
    attributes = {
        (path.name, node.attr)
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert [hit for hit in attributes if hit[1] in {"skip", "skipif", "xfail", "importorskip", "skipTest"}] == []


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_whatever_is_imported_is_declared_not_only_brought_along(room: str) -> None:
    declared = {name for group in GROUPS.get(room, ("project",)) for name in requirements(group)}
    imported = {name for path in SOURCES if path.is_relative_to(ROOT / room) for name in imports(path)}
    strangers = imported - set(sys.stdlib_module_names) - {*ROOMS, "tests"}
    assert {name for name in strangers if declared.isdisjoint(map(plain, DISTRIBUTIONS[name]))} == set()


@pytest.mark.parametrize("lock", [*LOCKS, SANDBOX_LOCK])
def test_the_locks_name_packages_versions_and_hashes_only(lock: str) -> None:
    lines = [line.strip() for line in (ROOT / lock).read_text().splitlines()]
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+|--hash=sha256:|#", line)] == []
    assert [line for line in lines if "://" in line] == []


@pytest.mark.parametrize(("lock", "larger"), [*pairwise(LOCKS), (SANDBOX_LOCK, LOCKS[1])])
def test_what_runs_is_what_is_tested(lock: str, larger: str) -> None:
    assert pins(lock) - pins(larger) == set()


@pytest.mark.parametrize("settings", [Settings, ConnectionSettings])
def test_every_setting_is_explained(settings: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in settings.model_fields if not re.search(rf"`{name}`", page, re.IGNORECASE)] == []


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9-]+==[^\\\n]+", (ROOT / lock).read_text(), re.MULTILINE))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Tell the name of each function with the number of lines after its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def imports(path: Path) -> Iterator[str]:
    """Tell the outermost package of each import."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def requirements(group: str) -> Iterator[str]:
    """Tell what the project, or a group of dependencies, asks for by name."""
    asked = PROJECT["project"]["dependencies"] if group == "project" else PROJECT["dependency-groups"][group]
    return (plain(re.split(r"[^\w.-]", each)[0]) for each in asked if isinstance(each, str))


def plain(distribution: str) -> str:
    """Write the name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def all_comments() -> Iterator[str]:
    for path in SOURCES:
        with path.open("rb") as source:
            yield from (
                token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.COMMENT
            )
