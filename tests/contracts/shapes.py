"""The shapes of responses, without values: their elements and types; and the differences between two systems."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from lxml import etree

Shape = dict[str, set[str]]
"""The types of each element, by its path."""

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
NOTHING = "nothing"
TYPES = (
    (NOTHING, r"", ""),
    ("yes or no", r"true|false", "true"),
    ("whole number", r"-?\d+", "1"),
    ("decimal number", r"-?\d+\.\d+", "1.5"),
    ("day", r"\d{4}-\d\d-\d\d", "2026-01-01"),
    ("instant", r"\d{4}-\d\d-\d\dT\S+", "2026-01-01T00:00:00"),
    ("guid", r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "00000000-0000-0000-0000-000000000000"),
)
"""The types that a text is taken for, their patterns and placeholders; any other text becomes an x."""

NUMBERS = {"whole number", "decimal number"}


def blanked(body: bytes) -> bytes:
    """Replace every value by a placeholder of its type; anything that is neither XML nor JSON is dropped."""
    text = body.strip()
    if text.startswith(b"<"):
        root = etree.fromstring(text)
        for element in root.iter(etree.Element):
            element.text, element.tail = _blank(element.text or "") if not len(element) else None, None
        return etree.tostring(root)
    if text[:1] in (b"{", b"["):
        return json.dumps(_blank_json(json.loads(text))).encode()
    return b""


def recorded(folder: Path) -> Mapping[str, Shape]:
    """Return the shapes of successful responses in a folder of cassettes, by operation."""
    shapes: dict[str, Shape] = defaultdict(lambda: defaultdict(set))
    for path in sorted(folder.glob("*.yaml")):
        for each in yaml.safe_load(path.read_text())["interactions"]:
            body = each["response"]["body"]["string"] or ""
            if each["response"]["status"]["code"] in {200, 201}:
                for where, kind in _elements(body.encode() if isinstance(body, str) else body):
                    shapes[_operation(each["request"])][where].add(kind)
    return shapes


def differences(theirs: Mapping[str, Shape], ours: Mapping[str, Shape]) -> list[str]:
    """Return where the responses of another system differ from ours, for the operations of both.

    Omitted or empty XML elements say nothing, as .NET treats unset values like that; in JSON that is null.
    """
    return [
        f"{operation}: {said}"
        for operation in sorted(theirs.keys() & ours.keys())
        for said in _differing(theirs[operation], ours[operation])
    ]


def _differing(theirs: Shape, ours: Shape) -> Iterator[str]:
    for path in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(path, set()) - {NOTHING}, ours.get(path, set()) - {NOTHING}
        if path not in ours:
            if there or _in_json(path):
                yield f"{path} is new ({', '.join(sorted(theirs[path]))})"
        elif path not in theirs:
            if _in_json(path) and path.rpartition(".")[0] in {each.rpartition(".")[0] for each in theirs}:
                yield f"{path} is missing"
        elif there and here and not (there & here or (there | here) <= NUMBERS):
            yield f"{path} is {', '.join(sorted(there))}, here {', '.join(sorted(here))}"


def _in_json(path: str) -> bool:
    return path.startswith(".")


def _elements(body: bytes) -> Iterator[tuple[str, str]]:
    text = body.strip()
    if text.startswith(b"<"):
        for element in etree.fromstring(text).iter(etree.Element):
            if not len(element):
                names = [
                    etree.QName(each).localname for each in (*reversed(list(element.iterancestors())), element)
                ]
                yield "/".join(names[2:]), NOTHING if element.get(NIL) else _type(element.text or "")[0]
    elif text[:1] in (b"{", b"["):
        yield from _members("", json.loads(text))


def _members(path: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, each in value.items():
                yield from _members(f"{path}.{name}", each)
        case list():
            for each in value:
                yield from _members(f"{path}[]", each)
        case bool():
            yield path, "yes or no"
        case int() | float():
            yield path, "whole number" if isinstance(value, int) else "decimal number"
        case None:
            yield path, NOTHING
        case _:
            kind = _type(value)[0]
            yield path, kind if kind in {NOTHING, "day", "instant"} else "text"


def _type(text: str) -> tuple[str, str]:
    return next(
        ((name, stands) for name, sign, stands in TYPES if re.fullmatch(sign, text.strip())), ("text", "x")
    )


def _blank(text: str) -> str:
    return _type(text)[1]


def _blank_json(value: Any) -> Any:
    match value:
        case dict():
            return {name: _blank_json(each) for name, each in value.items()}
        case list():
            return [_blank_json(each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return 1 if isinstance(value, int) else 1.5
        case _:
            return _blank(value) if _type(value)[0] in {NOTHING, "day", "instant"} else "x"


def _operation(request: Mapping[str, Any]) -> str:
    action = request["headers"].get("SOAPAction")
    if action:
        return str(action[0]).strip('"').rpartition("/")[2]
    path = re.sub(r"\?.*", "", request["uri"]).partition("/companies/")[2].partition("/")[2]
    return f"{request['method']} {re.sub(r'(?<=/)[0-9]+', '{id}', path)}"
