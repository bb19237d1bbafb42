"""The translations: read from ``messages.po`` once in a process.

Without a compiled file that could be forgotten.
"""

from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations


class Language(StrEnum):
    """A language that people may choose."""

    NORWEGIAN = "nb"
    ENGLISH = "en"


@cache
def translations(language: Language) -> NullTranslations:
    """Tell the translations into a language; those into English change nothing."""
    if language is Language.ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    with (Path(__file__).parent / "locales" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
