"""Sentences are stored with their template and values, and translated for each reader."""

import json
from copy import deepcopy
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from i18n.catalog import Language
from i18n.messages import Amount, Day, as_json, from_json, joined, msg, translate
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connections
from models.database import Database
from tests.factories import NOW, settings

ACCOUNT = msg("Account {account} isn't in the chart of accounts of 24SevenOffice.", account=3999)
NORWEGIAN = "Konto 3999 finnes ikke i kontoplanen i 24SevenOffice."


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda one, other: msg("{one}: {other}", one=one, other=other), inner, inner)


def kept(message: str) -> str:
    """Put a sentence through the database's JSON and back."""
    return from_json(json.loads(json.dumps(as_json(message))))


def test_a_message_is_english_until_another_language_is_requested() -> None:
    assert ACCOUNT == "Account 3999 isn't in the chart of accounts of 24SevenOffice."
    assert translate(ACCOUNT, Language.ENGLISH) == ACCOUNT
    assert translate(ACCOUNT, Language.NORWEGIAN) == NORWEGIAN


def test_a_message_inside_a_message_is_translated_with_it() -> None:
    whole = msg("{problem} No data is lost: new records are queued.", problem=ACCOUNT)
    assert translate(whole, Language.NORWEGIAN) == f"{NORWEGIAN} Ingenting er tapt: Nye poster legges i kø."


def test_a_list_is_translated_sentence_by_sentence() -> None:
    both = joined(ACCOUNT, "Ås {0}", msg("Its expenses were removed"))
    assert both == f"{ACCOUNT}; Ås {{0}}; Its expenses were removed"
    assert translate(both, Language.NORWEGIAN) == f"{NORWEGIAN}; Ås {{0}}; Utleggene ble fjernet"


def test_an_empty_list_is_empty_in_every_language() -> None:
    assert translate(joined(), Language.NORWEGIAN) == ""


@pytest.mark.parametrize("language", Language)
def test_text_of_other_systems_is_not_translated(language: Language) -> None:
    assert translate("Expenses", language) == "Expenses"
    assert translate(msg("{what}.", what="Expenses"), language) == "Expenses."


@given(st.recursive(st.text(), nested))
def test_a_message_keeps_its_values_whatever_they_are(message: str) -> None:
    again = kept(message)
    assert (again, type(again)) == (message, type(message))
    assert translate(again, Language.NORWEGIAN) == translate(message, Language.NORWEGIAN)


@pytest.mark.parametrize("name", ["{", "}}", "{account}", "%(email)s", "%"])
def test_braces_and_signs_in_a_value_are_only_text(name: str) -> None:
    assert translate(kept(msg("Customer {name}", name=name)), Language.NORWEGIAN) == f"Kunde {name}"


def test_values_that_are_not_text_are_kept_as_text() -> None:
    assert kept(msg("{what}.", what=None)) == "None."


def test_an_old_message_that_the_code_no_longer_has_is_still_shown(
    database: Database, connections: Connections
) -> None:
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    told = Alert(
        type=AlertType.NEEDS_ATTENTION,
        title="Invoice 7",
        message="Soon to be of last year.",
        remedy="",
        recipients=("books@example.com",),
    )
    alert_outbox.queue_connection_alert(database, connection.id, told, now=NOW)
    old = {
        "said": "{record} could not be booked, for {cause}.",
        "with": {"record": {"said": "Invoice {name}", "with": {"name": "7"}}, "cause": "{reasons}"},
    }
    with database.transaction() as session:
        session.execute(text("update alerts set message = cast(:old as jsonb)"), {"old": json.dumps(old)})
    (alert,) = alert_outbox.pending_alerts(database, "books@example.com")
    assert translate(alert.message, Language.ENGLISH) == "Invoice 7 could not be booked, for {reasons}."
    assert translate(alert.message, Language.NORWEGIAN) == "Faktura 7 could not be booked, for {reasons}."


def test_days_and_amounts_are_formatted_in_the_readers_language() -> None:
    message = msg("{day}: {amount} kroner", day=Day(date(2026, 9, 1)), amount=Amount(-240050))
    assert message == "01.09.2026: -2 400,50 kroner"
    for each in (message, kept(message), deepcopy(message)):
        assert translate(each, Language.NORWEGIAN) == "01.09.2026: -2 400,50 kroner"
        assert translate(each, Language.ENGLISH) == "1 Sept 2026: -2,400.50 kroner"


def test_the_previous_release_reads_days_and_amounts_as_text() -> None:
    stored = json.loads(json.dumps(as_json(msg("{amount} kroner", amount=Amount(240050)))))
    assert stored["with"]["amount"] == {"said": "2 400,50", "with": {}, "amount": 240050}


def test_messages_stored_before_days_and_amounts_had_a_type_are_read_as_they_are() -> None:
    before = from_json({"said": "{amount} kroner", "with": {"amount": "2 400,50"}})
    assert [translate(before, each) for each in Language] == ["2 400,50 kroner"] * 2
