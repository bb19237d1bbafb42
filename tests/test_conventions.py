from __future__ import annotations

import ast
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from config.settings import Settings
from models.connections.settings import ConnectionSettings

ROOT = Path(__file__).parents[1]
IMPORTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
ROOMS = IMPORTS["root_packages"]
SOURCES = sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py"))
LAYERS = ["local", "web", "worker", "integrations", "sync", "models", "i18n"]
LINES_OF_A_FILE = 600
LINES_OF_A_FUNCTION = 60
SKIPS = re.compile(r"\b(skip|skipif|xfail|importorskip|skipTest)\b")
LEFT = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
EXEMPTION = re.compile(r"# (noqa|type: ignore|pragma)")
REASONED = re.compile(r"# (noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[a-z-]+\]|pragma: [a-z ]+)\W+\w+")


def test_imports_go_one_way_and_are_checked() -> None:
    assert [each["layers"] for each in IMPORTS["contracts"] if each["type"] == "layers"] == [LAYERS]
    assert set(LAYERS) | {"config", "sandbox"} == set(ROOMS)


def test_no_module_is_imported_by_one_that_it_imports() -> None:
    modules = {dotted(path): path for path in SOURCES if "tests" not in path.parts[len(ROOT.parts) :]}
    imported = {name: {each for each in imports(path, modules) if each != name} for name, path in modules.items()}
    assert cycles(imported) == []


def test_no_file_is_too_long() -> None:
    assert [path for path in SOURCES if len(path.read_text().splitlines()) > LINES_OF_A_FILE] == []


def test_no_function_is_too_long() -> None:
    written = [path for path in SOURCES if "versions" not in path.parts]  # a migration is one long list of steps
    roomy = [path for path in written if len(path.read_text().splitlines()) > LINES_OF_A_FUNCTION]
    assert [name for path in roomy for name, lines in functions(path) if lines > LINES_OF_A_FUNCTION] == []


def test_every_audit_entry_is_also_logged() -> None:
    home = ROOT / "models" / "schema" / "audit_entries.py"
    written = [path for path in SOURCES if re.search(r"AuditRow\(\w+=|insert\(AuditRow", path.read_text())]
    assert [path for path in written if path not in (home, Path(__file__))] == []


def test_no_comment_defers_work() -> None:
    assert [comment for comment in comments(LEFT) if LEFT.search(comment)] == []


def test_an_exemption_names_its_rule_and_its_reason() -> None:
    exemptions = [comment for comment in comments(EXEMPTION) if EXEMPTION.match(comment)]
    assert [exemption for exemption in exemptions if not REASONED.match(exemption)] == []


def test_no_test_is_skipped() -> None:
    named = [path for path in (ROOT / "tests").rglob("*.py") if SKIPS.search(path.read_text())]
    attributes = {
        (path.name, node.attr)
        for path in named
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
    }
    assert [hit for hit in attributes if SKIPS.fullmatch(hit[1])] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_contain_only_packages_versions_and_hashes(lock: str) -> None:
    lines = [line.strip() for line in (ROOT / lock).read_text().splitlines()]
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+|--hash=sha256:|#", line)] == []
    assert [line for line in lines if "://" in line] == []


@pytest.mark.parametrize("settings", [Settings, ConnectionSettings])
def test_every_setting_is_explained(settings: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in settings.model_fields if not re.search(rf"`{name}`", page, re.IGNORECASE)] == []


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, modules: dict[str, Path]) -> set[str]:
    """Return which of our modules a module imports at run time."""
    tree = parsed(path)
    types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in map(ast.unparse, node.body)
    }
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and ast.unparse(node) not in types:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & set(modules)


def cycles(imported: dict[str, set[str]]) -> list[str]:
    """Return the modules that are left after repeatedly removing those that import none of the others."""
    left = {name: set(names) for name, names in imported.items()}
    while free := [name for name, names in left.items() if not names & set(left)]:
        for name in free:
            del left[name]
    return sorted(left)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Return the name of each function with the number of lines after its docstring."""
    for node in statements(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Return the statements at every depth. Expressions are left out: they contain no functions and take long."""
    ahead: list[ast.AST] = [tree]
    while ahead:
        node = ahead.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, field, ())
            ahead += inner if isinstance(inner, list) else ()


def comments(fitting: re.Pattern[str]) -> Iterator[str]:
    """Return the comments of the files that match anywhere; other files are not tokenized."""
    for path in SOURCES:
        if fitting.search(path.read_text()):
            with path.open("rb") as source:
                tokens = tokenize.tokenize(source.readline)
                yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
