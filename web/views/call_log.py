"""What was said to the other system and what it answered, laid out for people to read."""

import re
from collections.abc import Iterator

ELEMENT = re.compile(r"<[^>]*>?|[^<]+")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"?|[{}\[\],:]|[^\s{}\[\],:"]+')
LETTER = re.compile(r"\\u00([a-f][0-9a-f])", re.IGNORECASE)
CUT = " … ("
"""Begins the remark that a text was longer."""


def formatted(text: str) -> str:
    """Break XML and JSON into indented lines, and leave anything else as it is.

    It goes by the tokens, without a parser: amounts stay as they were written, and a text whose end was cut off is
    laid out as well.
    """
    body, cut, remark = text.partition(CUT)
    match body.lstrip()[:1]:
        case "<":
            return "".join(_xml(body)).lstrip() + cut + remark
        case "{" | "[":
            return "".join(_json(body)).lstrip() + cut + remark
    return text


def _xml(text: str) -> Iterator[str]:
    """Put each element on a line of its own, together with its text where it holds nothing else."""
    depth, before = 0, ""
    for token in filter(str.strip, ELEMENT.findall(text)):
        opens, closes = token.startswith("<"), token.startswith("</")
        depth -= closes
        holds_others = (closes and before.startswith("</")) or before.endswith("/>")
        yield f"{_line(depth)}{token}" if (opens and not closes) or (closes and holds_others) else token
        depth += opens and not closes and not token.endswith(("/>", "?>"))
        before = token


def _json(text: str) -> Iterator[str]:
    depth, before = 0, ""
    for part in TOKEN.findall(text):
        closes = part in "}]"
        depth -= closes
        first = before in ("{", "[")
        starts = (first or before == ",") if not closes else not first
        yield (_line(depth) if starts else "") + LETTER.sub(lambda code: chr(int(code[1], 16)), part)
        yield " " if part == ":" else ""
        depth += part in "{["
        before = part


def _line(depth: int) -> str:
    return "\n" + "  " * depth
