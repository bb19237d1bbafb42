"""Extraction of the translatable texts from the source into ``messages.po``."""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from i18n.catalog import Language, catalog, file_of

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "sync", "integrations", "worker", "web")
KEYWORDS = {"msg": None, "gettext": None, "_": None, "ngettext": (1, 2)}
METHODS = (("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2"))

_TEMPLATE_OPTIONS = {"extensions": "jinja2.ext.i18n", "silent": "false"} | dict.fromkeys(
    ("newstyle_gettext", "trim_blocks", "lstrip_blocks", "trimmed"), "true"
)
"""The template syntax of pages and mails; with another one, texts would be missed."""

_OPTIONS = dict.fromkeys(("**.html", "**.txt"), _TEMPLATE_OPTIONS)
_WIDTH = 115


def extract_all() -> Catalog:
    gathered = Catalog()
    for room in PACKAGES:
        for _, _, text, _, context in extract_from_dir(ROOT / room, METHODS, _OPTIONS, KEYWORDS):
            gathered.add(text, context=context)
    return gathered


def updated_file(language: Language) -> str:
    """Return the new contents of the file: all texts in use, without those that are no longer used."""
    known = catalog(language)
    known.update(extract_all(), no_fuzzy_matching=True, update_creation_date=False)
    head = file_of(language).read_text().partition("\n\n")[0].strip()
    texts = BytesIO()
    write_po(
        texts, known, width=_WIDTH, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True
    )
    return f"{head}\n\n{texts.getvalue().decode().strip()}\n"


def is_translated(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, list | tuple) else bool(message.string)
