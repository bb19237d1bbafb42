"""The translations: read from ``messages.po`` once in a process.

Without a compiled file that could be forgotten.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

_FORMER_WORDINGS = Path(__file__).parent / "former_wordings.json"


class Language(StrEnum):
    NORWEGIAN = "nb"
    ENGLISH = "en"


def file_of(language: Language) -> Path:
    return Path(__file__).parent / "locales" / language / "LC_MESSAGES" / "messages.po"


def catalog(language: Language) -> Catalog:
    with file_of(language).open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: Language) -> NullTranslations:
    """Return the translations into a language; those into English change nothing."""
    if language is Language.ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalog(language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def former_wordings() -> Mapping[str, str]:
    """Return what stored sentences are called today, by what an earlier release called them."""
    wordings: Mapping[str, str] = json.loads(_FORMER_WORDINGS.read_text())
    return wordings
