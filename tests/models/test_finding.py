from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from language.said import say
from models import links, listing
from models.finding import words_of
from models.links import Link
from models.wanted import Wanted
from models.words import Kind, Record
from tests.factories import NOW
from tests.models.lanes import settled

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection


def found(database: Database, text: str) -> list[str]:
    return [view.record.id for view in listing.latest(database, Wanted(text=text))]


def test_words_are_those_of_every_language() -> None:
    assert words_of(say("Invoice {name}", name="1024"), "F-77") == ["1024", "77", "f", "faktura", "invoice"]


@pytest.mark.parametrize("text", ["1024", "invoice 10", "FAKTURA 1024", "106939080", "40017", "2026 40017"])
def test_an_invoice_is_found_by_its_name_in_both_languages_and_its_numbers_in_both_systems(
    database: Database, connection: Connection, text: str
) -> None:
    record = Record(Kind.INVOICE, "106939080")
    links.save(database, connection.id, record, Link("2026/40017"), now=NOW)
    settled(database, connection.id, record, title=say("Invoice {name}", name="1024"))
    settled(database, connection.id, Record(Kind.INVOICE, "8"), title=say("Invoice {name}", name="77"))
    assert found(database, text) == ["106939080"]


@pytest.mark.parametrize("text", ["blåbær", "BLÅBÆR & sønn", "sønn's", "b", "“sønn”", "blåbær:*"])
def test_a_customer_is_found_by_the_beginnings_of_words_of_its_name_whatever_stands_between(
    database: Database, connection: Connection, text: str
) -> None:
    settled(
        database,
        connection.id,
        Record(Kind.CUSTOMER, "1"),
        title=say("Customer {name}", name="Blåbær & Sønn's AS"),
    )
    assert found(database, text) == ["1"]


@pytest.mark.parametrize("text", ["låbær", "blåbær oslo", "'", "&|!<->:*()\\", "\N{SNOWMAN}"])
def test_what_begins_no_word_finds_nothing(database: Database, connection: Connection, text: str) -> None:
    settled(
        database, connection.id, Record(Kind.CUSTOMER, "1"), title=say("Customer {name}", name="Blåbær & Sønn AS")
    )
    assert found(database, text) == []
