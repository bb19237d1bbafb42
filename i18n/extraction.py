"""Gathers from the source what people read, so that ``messages.po`` holds all of it and nothing else."""

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from i18n.catalog import Language

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "sync", "integrations", "worker", "web")
TEMPLATES = ("web/templates", "integrations/mail/templates")
MESSAGE_FUNCTIONS = {"msg", "gettext", "ngettext"}

_OPTIONS = {
    "extensions": "jinja2.ext.i18n",
    "newstyle_gettext": "true",
    "silent": "false",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "trimmed": "true",
}
"""As the pages and mails read their templates, or their texts would not be those gathered."""

_WIDTH = 115


def extract_all() -> Catalog:
    """Gather the texts of all sources, none with a translation."""
    catalog = Catalog()
    for room in PACKAGES:
        for path in sorted((ROOT / room).rglob("*.py")):
            for text in messages_in(path.read_text()):
                catalog.add(text)
    for folder in TEMPLATES:
        for path in sorted((ROOT / folder).iterdir()):
            with path.open("rb") as file:
                for _, text, _, context in extract("jinja2", file, options=_OPTIONS):
                    catalog.add(text, context=context)
    return catalog


def messages_in(source: str) -> Iterator[str | tuple[str, ...]]:
    """Find the texts that Python hands to a function that says them; for a plural both forms together."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) in MESSAGE_FUNCTIONS:
            texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
            forms = tuple(text for text in texts if isinstance(text, str))
            if forms:
                yield forms if len(forms) > 1 else forms[0]


def catalog(language: Language) -> Catalog:
    """Read the translations as they stand in the file."""
    with file_of(language).open("rb") as file:
        return read_po(file, locale=language)


def updated(language: Language) -> str:
    """Tell what the file should be: all that is said, what is no longer said left out."""
    known = catalog(language)
    known.update(extract_all(), no_fuzzy_matching=True, update_creation_date=False)
    head = file_of(language).read_text().partition("\n\n")[0].strip()
    texts = BytesIO()
    write_po(
        texts, known, width=_WIDTH, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True
    )
    return f"{head}\n\n{texts.getvalue().decode().strip()}\n"


def is_translated(message: Message) -> bool:
    """Tell whether a text has its translation, in all its forms."""
    return all(message.string) if isinstance(message.string, list | tuple) else bool(message.string)


def file_of(language: Language) -> Path:
    """Tell where the translations into a language are."""
    return Path(__file__).parent / "locales" / language / "LC_MESSAGES" / "messages.po"


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
