"""The search terms of a job: the words of its name in every language, and its numbers in both systems.

They are split here because PostgreSQL reads the 77 of F-77 as a negative number.
"""

import re

from sqlalchemy import ARRAY, BindParameter, ColumnElement, Text, TypeDecorator, cast, func
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from i18n.catalog import Language
from i18n.messages import translate

WORD = re.compile(r"[^\W_]+")
MAX_TERM_LENGTH = 50
"""Number of characters of a word that are compared."""
MAX_SEARCH_TERMS = 8
"""Number of words of a search that are used."""


class SearchTerms(TypeDecorator[list[str]]):
    """A column for :func:`search_terms`, to be indexed; it is searched and never read."""

    impl = TSVECTOR
    cache_ok = True

    def bind_expression(self, bindvalue: BindParameter[list[str]]) -> ColumnElement[list[str]]:
        return func.array_to_tsvector(cast(bindvalue, ARRAY(Text)))


def search_terms(*texts: str) -> list[str]:
    """Return the distinct words of texts in lower case; translatable sentences in each language."""
    translated = " ".join(translate(text, language) for text in texts for language in Language)
    return sorted(set(_split(translated)))


def matches(column: ColumnElement[list[str]], text: str, *, whole: bool = False) -> ColumnElement[bool]:
    """Return the SQL condition that each word of a text begins (or, if ``whole``, is) one of the search terms."""
    beginnings = " & ".join(f"'{word}'{'' if whole else ':*'}" for word in _split(text)[:MAX_SEARCH_TERMS])
    return column.bool_op("@@")(cast(beginnings, TSQUERY))


def _split(text: str) -> list[str]:
    return [word[:MAX_TERM_LENGTH] for word in WORD.findall(text.casefold())]
