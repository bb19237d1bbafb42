"""What a change is found by: the words of its name in every language, and its numbers in both systems.

They are told apart here and not by PostgreSQL, which takes the 77 of F-77 for a negative number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, TypeDecorator, cast, func
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from language.catalogue import Language
from language.said import tell

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement

WORD = re.compile(r"[^\W_]+")
LONGEST = 50
"""Characters of a word that count."""
MOST = 8
"""Words that are looked for at a time."""


class Words(TypeDecorator[list[str]]):
    """A column of the words of :func:`words_of`, to be indexed; it is looked in, and never read."""

    impl = TSVECTOR
    cache_ok = True

    def bind_expression(self, bindvalue: BindParameter[list[str]]) -> ColumnElement[list[str]]:
        """Take the words as they are."""
        return func.array_to_tsvector(cast(bindvalue, ARRAY(Text)))


def words_of(*texts: str) -> list[str]:
    """Tell the different words of texts, in small letters, a sentence of ours in each language."""
    told = " ".join(tell(text, language) for text in texts for language in Language)
    return sorted(set(_words(told)))


def holds(column: ColumnElement[list[str]], text: str, *, whole: bool = False) -> ColumnElement[bool]:
    """Say in SQL that for each word of a text a word begins with it, or is it as a ``whole``."""
    beginnings = " & ".join(f"'{word}'{'' if whole else ':*'}" for word in _words(text)[:MOST])
    return column.bool_op("@@")(cast(beginnings, TSQUERY))


def _words(text: str) -> list[str]:
    return [word[:LONGEST] for word in WORD.findall(text.casefold())]
