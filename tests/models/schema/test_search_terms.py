import pytest

from i18n.messages import msg
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.connections.repository import Connection
from models.database import Database
from models.enums import EntityType, Record
from models.inbox import links
from models.inbox.links import Link
from models.schema.search_terms import search_terms
from tests.factories import NOW
from tests.models.completed_jobs import completed_job


def find(database: Database, text: str) -> list[str]:
    return [view.record.id for view in job_list.latest(database, JobFilter(text=text))]


def test_search_terms_are_the_words_of_every_language() -> None:
    assert search_terms(msg("Invoice {name}", name="1024"), "F-77") == ["1024", "77", "f", "faktura", "invoice"]


@pytest.mark.parametrize("text", ["1024", "invoice 10", "FAKTURA 1024", "106939080", "40017", "2026 40017"])
def test_an_invoice_is_found_by_its_name_in_both_languages_and_its_numbers_in_both_systems(
    database: Database, connection: Connection, text: str
) -> None:
    record = Record(EntityType.INVOICE, "106939080")
    links.save(database, connection.id, record, Link("2026/40017"), now=NOW)
    completed_job(database, connection.id, record, title=msg("Invoice {name}", name="1024"))
    completed_job(database, connection.id, Record(EntityType.INVOICE, "8"), title=msg("Invoice {name}", name="77"))
    assert find(database, text) == ["106939080"]


@pytest.mark.parametrize("text", ["blåbær", "BLÅBÆR & sønn", "sønn's", "b", "“sønn”", "blåbær:*"])
def test_a_customer_is_found_by_the_beginnings_of_words_of_its_name(
    database: Database, connection: Connection, text: str
) -> None:
    completed_job(
        database,
        connection.id,
        Record(EntityType.CUSTOMER, "1"),
        title=msg("Customer {name}", name="Blåbær & Sønn's AS"),
    )
    assert find(database, text) == ["1"]


@pytest.mark.parametrize("text", ["låbær", "blåbær oslo", "'", "&|!<->:*()\\", "\N{SNOWMAN}"])
def test_text_that_begins_no_word_finds_nothing(database: Database, connection: Connection, text: str) -> None:
    completed_job(
        database,
        connection.id,
        Record(EntityType.CUSTOMER, "1"),
        title=msg("Customer {name}", name="Blåbær & Sønn AS"),
    )
    assert find(database, text) == []
