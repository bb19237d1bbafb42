"""Remote calls, formatted for people."""

import re
from collections.abc import Iterator

ELEMENT = re.compile(r"<[^>]*>?|[^<]+")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"?|[{}\[\],:]|[^\s{}\[\],:"]+')
LETTER = re.compile(r"\\u00([a-f][0-9a-f])", re.IGNORECASE)
MAX_LENGTH = 64_000
"""The longest formatted text: deep nesting would be mostly indentation."""
CUT = " … ("
"""The beginning of the remark that a text was truncated."""


def formatted(text: str) -> str:
    """Format XML and JSON in indented lines, and leave anything else as it is.

    It works on tokens, without a parser: amounts stay as they were written, and truncated text is formatted too.
    Text that would become too long stays as it is.
    """
    body, cut, remark = text.partition(CUT)
    match body.lstrip()[:1]:
        case "<":
            laid_out = _bounded(_xml(body))
        case "{" | "[":
            laid_out = _bounded(_json(body))
        case _:
            return text
    return laid_out.lstrip() + cut + remark if laid_out else text


def _bounded(parts: Iterator[str]) -> str:
    """Join the lines, or return nothing if they are too long to show."""
    joined, length = [], 0
    for part in parts:
        length += len(part)
        if length > MAX_LENGTH:
            return ""
        joined.append(part)
    return "".join(joined)


def _xml(text: str) -> Iterator[str]:
    """Put each element on its own line, together with its text if it has no child elements."""
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
