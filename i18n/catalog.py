"""The translations, read from ``messages.po`` once in a process.

There is no compiled file that could be out of date.
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
    """Return the translations into a language; English returns each text as it is."""
    if language is Language.ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalog(language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def former_wordings() -> Mapping[str, str]:
    """Return today's wording of stored sentences by the wording of an earlier release."""
    wordings: Mapping[str, str] = json.loads(_FORMER_WORDINGS.read_text())
    return wordings
