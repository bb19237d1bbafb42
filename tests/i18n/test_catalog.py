"""All texts for people have a Norwegian translation, and the catalog has nothing else."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract
from jinja2 import Environment

from i18n.catalog import Language, catalog, former_wordings
from i18n.extraction import KEYWORDS, PACKAGES, ROOT, extract_all, is_translated, updated_file

Token = tuple[int, str, str]
LEXER = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
PLACEHOLDERS = re.compile(r"\{\w*\}|%\(\w+\)s")
WORDS = re.compile(r"[^\W\d_]")
NAMES = ("Moment", "24SevenOffice", "24SO", "KID", "Norsk bokmål", "Norsk", "English")
NO_WORDS = re.compile(rf"{'|'.join(NAMES)}|/[\w/?=-]*|[a-z-]+=\"[^\"]*\"|required")
"""Names, parts of an address, and the attributes that a macro puts into a tag."""
EXEMPT = re.compile(rf"{'|'.join(NAMES)}|(?:[A-Z][a-z]+){{2,}}")
"""Names, and fields as 24SevenOffice calls them."""
READ = {"title", "alt", "placeholder", "aria-label", "label", "data-label", "data-confirm"}
"""Attributes whose values people read; that of a button's ``value`` they read only in an ``input``."""
TEMPLATES = ("web/templates", "integrations/mail/templates")
TEXTS = sorted(path for folder in TEMPLATES for path in (ROOT / folder).iterdir())
SOURCES = sorted(path for room in PACKAGES for path in (ROOT / room).rglob("*.py"))


def messages() -> list[Message]:
    return [message for message in catalog(Language.NORWEGIAN) if message.id]


def forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def test_the_catalog_has_exactly_the_texts_that_are_shown() -> None:
    known = {(message.id, message.context) for message in messages()}
    said_somewhere = {(message.id, message.context) for message in extract_all() if message.id}
    assert said_somewhere - known == set(), "make translations takes these up"
    assert known - said_somewhere == set(), "make translations takes these out"
    assert not catalog(Language.NORWEGIAN).obsolete


def test_everything_is_translated() -> None:
    assert [message.id for message in messages() if message.fuzzy or not is_translated(message)] == []


def test_a_former_wording_maps_to_a_present_one_with_the_same_values() -> None:
    current = {message.id for message in messages()}
    formers = former_wordings()
    assert len(formers) > 400
    assert [new for new in formers.values() if new not in current] == []
    assert [old for old in formers if old in current] == []
    values = {old: [set(PLACEHOLDERS.findall(each)) for each in (old, new)] for old, new in formers.items()}
    assert [old for old, (before, now) in values.items() if before != now] == []


def test_a_translation_has_the_same_values_in_it() -> None:
    wrong = [
        message.id
        for message in messages()
        for told in forms(message.string)
        if set(PLACEHOLDERS.findall(told)) != set(PLACEHOLDERS.findall(forms(message.id)[-1]))
    ]
    assert wrong == []


def test_a_translation_ends_as_its_sentence_does() -> None:
    wrong = [
        message.id
        for message in messages()
        for text, told in zip(forms(message.id), forms(message.string), strict=True)
        if ending(text) != ending(told)
    ]
    assert wrong == []


def ending(text: str) -> str:
    return text[-1:] if text[-1:] in set(".:?!") else ""


def test_updating_an_up_to_date_catalog_changes_nothing() -> None:
    assert updated_file(Language.NORWEGIAN) == (ROOT / "i18n/locales/nb/LC_MESSAGES/messages.po").read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_are_not_put_together_from_pieces(path: Path) -> None:
    pieced = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "msg"
        if not (node.args and isinstance(node.args[0], ast.Constant))
    ]
    assert pieced == []


def test_texts_are_found_wherever_they_are_used() -> None:
    source = b'a = msg("One {two}", two=msg("two")); words.ngettext("{n} day", "{n} days", n); print("Three")'
    found = [text for _, text, _, _ in extract("python", BytesIO(source), KEYWORDS)]
    assert found == ["One {two}", "two", ("{n} day", "{n} days")]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_template_has_untranslated_words(path: Path) -> None:
    assert list(bare_words(path.read_text())) == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p title="Hello">{{ name }}</p>', ["Hello"]),
        ('<input value="Save">', ["Save"]),
        ('<input type="hidden" value="nb"><button value="nb">{{ _("Save") }}</button>', []),
        ('<p>{{ "Hello" if name else "" }}</p>', ["Hello"]),
        ('{% set words = [("Hello", 1)] %}{{ notice("good", "Saved") }}', ["Hello", "Saved"]),
        ("<p>{% trans %}Hello{% endtrans %} {{ _('Hello') }} 24SevenOffice, {{ name }}</p>", []),
        ("<p>{% trans count=n %}{{ count }} day{% pluralize %}{{ count }} days{% endtrans %}</p>", []),
    ],
)
def test_untranslated_words_are_detected(template: str, words: list[str]) -> None:
    assert list(bare_words(template)) == words


def bare_words(template: str) -> Iterator[str]:
    """Return texts that people would read untranslated in a template: its own text, and text in its expressions."""
    tokens = [each for each in LEXER.lex(template) if each[1] != "whitespace"]
    reader = Reader()
    reader.feed("".join(outside(tokens)))
    reader.close()
    yield from (word for word in map(str.strip, reader.words) if WORDS.search(NO_WORDS.sub("", word)))
    yield from unsaid(tokens)


def outside(tokens: list[Token]) -> Iterator[str]:
    """Return the template's text outside of trans blocks."""
    translated = False
    for (_, kind, value), (_, _, following) in pairwise([*tokens, (0, "", "")]):
        if kind == "block_begin":
            translated = (translated or following == "trans") and following != "endtrans"
        elif kind == "data" and not translated:
            yield value


def unsaid(tokens: list[Token]) -> Iterator[str]:
    """Return texts in expressions that begin with a capital letter, except those passed to gettext."""
    handed: list[bool] = []
    for (_, _, previous), (_, kind, value) in pairwise([(0, "", ""), *tokens]):
        if (kind, value) == ("operator", "("):
            handed.append(previous in {"_", "gettext", "ngettext", "pgettext"})
        elif (kind, value) == ("operator", ")"):
            handed.pop()
        elif kind == "string" and value[1:2].isupper() and not any(handed) and not EXEMPT.fullmatch(value[1:-1]):
            yield value[1:-1]


class Reader(HTMLParser):
    """Reads a page as people do."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.lasttag not in {"style", "script"}:
            self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        read = READ | ({"value"} if tag == "input" and given.get("type") not in {"hidden", "checkbox"} else set())
        self.words += [value for name, value in attrs if name in read and value]
