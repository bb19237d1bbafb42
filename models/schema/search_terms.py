"""What a change is found by: the words of its name in every language, and its numbers in both systems.

They are told apart here and not by PostgreSQL, which takes the 77 of F-77 for a negative number.
"""

import re

from sqlalchemy import ARRAY, BindParameter, ColumnElement, Text, TypeDecorator, cast, func
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from i18n.catalog import Language
from i18n.messages import translate

WORD = re.compile(r"[^\W_]+")
MAX_TERM_LENGTH = 50
"""Characters of a word that count."""
MAX_SEARCH_TERMS = 8
"""Words that are looked for at a time."""


class SearchTerms(TypeDecorator[list[str]]):
    """A column of the words of :func:`search_terms`, to be indexed; it is looked in, and never read."""

    impl = TSVECTOR
    cache_ok = True

    def bind_expression(self, bindvalue: BindParameter[list[str]]) -> ColumnElement[list[str]]:
        return func.array_to_tsvector(cast(bindvalue, ARRAY(Text)))


def search_terms(*texts: str) -> list[str]:
    """Return the different words of texts, in small letters, a sentence of ours in each language."""
    told = " ".join(translate(text, language) for text in texts for language in Language)
    return sorted(set(_split(told)))


def matches(column: ColumnElement[list[str]], text: str, *, whole: bool = False) -> ColumnElement[bool]:
    """Say in SQL that for each word of a text a word begins with it, or is it as a ``whole``."""
    beginnings = " & ".join(f"'{word}'{'' if whole else ':*'}" for word in _split(text)[:MAX_SEARCH_TERMS])
    return column.bool_op("@@")(cast(beginnings, TSQUERY))


def _split(text: str) -> list[str]:
    return [word[:MAX_TERM_LENGTH] for word in WORD.findall(text.casefold())]
