"""Webhooks: they name a record or none, and nothing else in them counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.moment.webhooks import read
from models.enums import EntityType, Record
from tests.factories import DOCUMENTED_WEBHOOK


def test_the_documented_webhook_names_its_invoice() -> None:
    assert read(DOCUMENTED_WEBHOOK) == Record(EntityType.INVOICE, "106939080")


@pytest.mark.parametrize("entity_type", [EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE])
@pytest.mark.parametrize("record_id", [7, "7", 9_999_999_999_999_999_999, "a-7_B"])
def test_a_webhook_names_a_record_by_number_or_text(entity_type: EntityType, record_id: int | str) -> None:
    body = json.dumps({entity_type: {"id": record_id}}).encode()
    assert read(body) == Record(entity_type, str(record_id))


def test_the_event_is_not_read() -> None:
    assert read(b'{"event": {"odd": []}, "customer": {"id": 7}}') == Record(EntityType.CUSTOMER, "7")


def test_of_several_records_the_dependent_one_counts() -> None:
    body = b'{"customer": {"id": 1}, "project": {"id": 2}, "invoice": {"id": 3}}'
    assert read(body) == Record(EntityType.INVOICE, "3")


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xfe\x00", b"{", b"[" * 100_000, b"1" * 5000])
def test_invalid_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(body)


@pytest.mark.parametrize(
    "named",
    [None, 7, "7", [], {}, {"id": None}, {"id": True}, {"id": 0}, {"id": -7}, {"id": 10**19}, {"id": 1.5}]
    + [{"id": text} for text in ("", "..", "7/../8", "7?x=1", "-7", " 7", "7\n", "x" * 65, "ø")],
)
def test_json_that_names_no_record_is_none(named: object) -> None:
    assert read(json.dumps({"event": "CREATE_NEW", "invoice": named}).encode()) is None


def test_a_webhook_about_an_expense_is_ignored() -> None:
    assert read(b'{"expense": {"id": 7}}') is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "invoice", "customer", "x"]), inner),
)


@given(json_values)
def test_any_json_names_one_record_or_none(value: object) -> None:
    named = read(json.dumps(value).encode())
    assert named is None or named.id
