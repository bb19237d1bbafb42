"""The catalog explains every error code that the source uses, and no other."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from i18n.catalog import Language
from i18n.messages import translate
from sync.error_codes import ERROR_CODES, GROUPS, ErrorCode

ROOT = Path(__file__).parents[2]
ERRORS = {
    "SyncError",
    "UnavailableError",
    "RateLimitedError",
    "OutcomeUnknownError",
    "RejectedError",
    "MisconfiguredError",
    "SessionRefusedError",
}


@cache
def modules() -> dict[Path, ast.Module]:
    """Return the parsed sources, read when a test asks for them: every test process imports this file."""
    return {
        path: ast.parse(path.read_text())
        for room in ("models", "sync", "integrations", "worker")
        for path in sorted((ROOT / room).rglob("*.py"))
    }


@cache
def constants() -> dict[str, str]:
    return {
        target.id: node.value.value
        for module in modules().values()
        for node in module.body
        if isinstance(node, ast.Assign)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def error_codes(given: ast.expr) -> Iterator[str]:
    """Return the error codes that an argument may have; one passed on from elsewhere is checked there."""
    match given:
        case ast.Constant(value=str(error_code)):
            yield error_code
        case ast.IfExp(body=one, orelse=other):
            yield from (*error_codes(one), *error_codes(other))
        case ast.Name(id=name) if name.strip("_").isupper():
            yield constants()[name]
        case ast.Name() | ast.Attribute():
            pass
        case _:
            pytest.fail(f"an error code should be a constant: {ast.unparse(given)}")


def used() -> Iterator[str]:
    for module in modules().values():
        for node in ast.walk(module):
            if isinstance(node, ast.keyword) and node.arg == "error_code":
                yield from error_codes(node.value)
            elif isinstance(node, ast.ClassDef):
                yield from (error_code for each in node.body if (error_code := of_class(each)))


def of_class(node: ast.stmt) -> str:
    match node:
        case ast.Assign(targets=[ast.Name(id="error_code")], value=ast.Constant(value=str(error_code))):
            return error_code
        case ast.Assign(targets=[ast.Name(id="error_code")], value=ast.Name(id=name)):
            return constants()[name]
    return ""


def test_every_error_code_is_explained_and_used() -> None:
    given = set(used()) - {""}
    assert given - ERROR_CODES.keys() == set(), "explain these in sync/error_codes/"
    assert ERROR_CODES.keys() - given == set(), "nothing gives these any more"


def test_every_error_has_an_error_code() -> None:
    of_records = {path: module for path, module in modules().items() if path.parent.name != "openid"}
    without = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, module in of_records.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
        if not any(keyword.arg == "error_code" for keyword in node.keywords)
    ]
    assert without == []


def test_an_error_code_is_in_one_group() -> None:
    assert sum(map(len, GROUPS.values())) == len(ERROR_CODES)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("explained", ERROR_CODES.values(), ids=ERROR_CODES)
def test_an_error_code_is_explained_in_whole_sentences(explained: ErrorCode, language: Language) -> None:
    title, cause, cure = (
        translate(text, language) for text in (explained.title, explained.cause, explained.remedy)
    )
    assert not title.endswith(".")
    assert len(title) < 70
    for text in (cause, cure):
        assert text.endswith(".")
        assert text.count(". ") < 3
