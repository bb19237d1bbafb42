"""The alert mails: which record, what is wrong, what to do, and where to look."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from typing import Any, Literal

import pytest

from i18n.catalog import Language
from i18n.messages import msg
from integrations.mail.alert_email import compose
from models.connections.alert_outbox import AlertType, PendingAlert
from models.enums import EntityType, titled
from models.schema.record_summary import RecordSummary

AT = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)


def alert(
    title: str = "Invoice 1024", *, alert_type: AlertType = AlertType.NEEDS_ATTENTION, **values: Any
) -> PendingAlert:
    """Return an alert about an invoice, or about the connection if its type is one of those."""
    defaults = {
        "id": 1,
        "connection_id": 1,
        "connection": "Demo AS",
        "job_id": 7,
        "message": "Account 3999 is not in the chart of accounts.",
        "remedy": "Choose another account, then try again.",
        "at": AT,
        "entity_type": EntityType.INVOICE,
        "language": Language.ENGLISH,
    }
    of_connection = {"job_id": None, "entity_type": None} if alert_type in CONNECTIONS else {}
    return PendingAlert(**{"title": title, "type": alert_type, **defaults, **of_connection, **values})


def mail(
    *alerts: PendingAlert, to: str = "kari@example.com", sender: str = "Bridge <bridge@example.com>"
) -> EmailMessage:
    return compose(
        alerts,
        public_url="https://bridge.example.com",
        sender=sender,
        to=to,
        message_id="<alert-7@example.com>",
        sent=AT,
    )


def text(message: EmailMessage, kind: Literal["plain", "html"] = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


CONNECTIONS = {AlertType.PAUSED, AlertType.OUTAGE, AlertType.RECOVERED, AlertType.DIGEST}
WEEK = AT - timedelta(days=7, hours=1)
paused = alert("Demo AS", alert_type=AlertType.PAUSED)
down = alert("Demo AS", alert_type=AlertType.OUTAGE)
works = alert("Demo AS", alert_type=AlertType.RECOVERED)
better = alert("Invoice 7", alert_type=AlertType.RESOLVED)
reminder = alert("Invoice 5", alert_type=AlertType.REMINDER, since=WEEK)
digest = alert("Demo AS", alert_type=AlertType.DIGEST)


@pytest.mark.parametrize(
    ("alerts", "subject"),
    [
        ([alert()], "Action needed: Invoice 1024 wasn't synced to 24SevenOffice"),
        (
            [alert("Customer Ås AS", entity_type=EntityType.CUSTOMER)],
            "Action needed: Customer Ås AS wasn't synced to 24SevenOffice",
        ),
        (
            [alert("Voucher 40001 of 2026", entity_type=EntityType.EXPENSE)],
            "Action needed: Voucher 40001 of 2026 wasn't synced to Moment",
        ),
        ([better], "Resolved: Invoice 7"),
        ([reminder], "Reminder: Invoice 5 has needed action for 7 days"),
        (
            [alert(alert_type=AlertType.REMINDER, since=AT - timedelta(days=1))],
            "Reminder: Invoice 1024 has needed action for 1 day",
        ),
        ([paused], "The connection is paused"),
        ([down], "Connection interrupted"),
        ([works], "Connection recovered"),
        ([digest], "Weekly summary"),
        ([alert()] * 12, "Action needed: 12 records"),
        ([reminder] * 3, "Reminder: 3 records need action"),
        ([better] * 2, "Resolved: 2 records"),
        (
            [digest, better, works, down, reminder, alert()],
            "Action needed: Invoice 1024 wasn't synced to 24SevenOffice",
        ),
        ([alert(), paused, alert()], "The connection is paused"),
    ],
)
def test_the_subject_names_the_most_urgent_alert(alerts: list[PendingAlert], subject: str) -> None:
    assert mail(*alerts)["Subject"] == f"{subject} \N{EN DASH} Demo AS"


def test_a_subject_counts_the_companies_if_there_are_several() -> None:
    elsewhere = alert(connection="Fjord AS")
    assert mail(alert(), elsewhere)["Subject"] == "Action needed: 2 records – 2 companies"
    assert mail(better, elsewhere)["Subject"].endswith("24SevenOffice \N{EN DASH} Fjord AS")


@pytest.mark.parametrize("title", ["Customer x", "Ærlig Øl og Bringebær AS"])
def test_a_subject_arrives_as_it_was_written_wherever_it_is_folded(title: str) -> None:
    for length in range(60):
        sent = mail(alert(title.ljust(length, "x")))
        head = sent.as_bytes().partition(b"\n\n")[0]
        assert message_from_bytes(head, policy=default)["Subject"] == sent["Subject"]
        assert max(map(len, head.splitlines())) <= 78


@pytest.mark.parametrize("alert_type", AlertType)
def test_each_type_of_alert_makes_a_mail_with_its_message(alert_type: AlertType) -> None:
    one = alert("Demo AS", alert_type=alert_type, since=WEEK)
    for told in ([one], [one, replace(one, id=2, title="Second AS")]):
        sent = mail(*told)
        for kind in ("plain", "html"):
            assert text(sent, kind).count(one.message) == len(told)
        assert sent["Subject"]


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_says_what_is_wrong_what_to_do_and_where(kind: Literal["plain", "html"]) -> None:
    body = unescape(text(mail(alert()), kind))
    for told in (
        "Action needed: Invoice 1024 wasn't synced to 24SevenOffice",
        "Account 3999 is not in the chart of accounts.",
        "Choose another account, then try again.",
        "https://bridge.example.com/records/7",
        "Demo AS",
    ):
        assert told in body


def test_the_text_reads_like_this() -> None:
    ended = alert(
        "Fjord AS", alert_type=AlertType.RECOVERED, connection="Fjord AS", message="It works again.", remedy=""
    )
    assert text(mail(ended, alert())) == (
        "Action needed: Invoice 1024 wasn't synced to 24SevenOffice – Demo AS\n\nDemo AS\n"
        "------------------------------------------------------------\n\nAction needed: Invoice 1024 wasn't synced to "
        "24SevenOffice\n22.11.2026 13:05\nAccount 3999 is not in the chart of accounts.\nWhat to do: Choose "
        "another account, then try again.\nOpen the record: https://bridge.example.com/records/7\n\nFjord AS\n"
        "------------------------------------------------------------\n\nConnection recovered\n22.11.2026 "
        "13:05\nIt works again.\nOpen the connection: https://bridge.example.com/connections/1\n\n-- \nYou receive this because you're an alert recipient of the integration "
        "between Moment and 24SevenOffice.\nTimes are Oslo time.\n"
    )


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_most_urgent_comes_first_and_companies_stay_together(kind: Literal["plain", "html"]) -> None:
    elsewhere = alert("Invoice 9", connection="Fjord AS", at=AT - timedelta(hours=1))
    body = text(mail(better, alert(), elsewhere, digest), kind)
    order = ["Fjord AS", "Invoice 9", "Demo AS", "Invoice 1024", "Invoice 7", "Weekly summary"]
    places = [body.rindex(each) for each in order]
    assert places == sorted(places)


@pytest.mark.parametrize(("month", "shown"), [(1, "22.01.2026 13:05"), (7, "22.07.2026 14:05")])
def test_times_are_oslo_time_in_winter_and_summer(month: int, shown: str) -> None:
    assert shown in text(mail(alert(at=AT.replace(month=month))))


def test_of_many_records_fifty_are_shown_and_a_list_has_the_others() -> None:
    message = mail(*(alert(f"Invoice {number}") for number in range(1, 63)))
    for body in (text(message), unescape(text(message, "html"))):
        assert len(re.findall(r"Invoice \d+ wasn't synced", body)) == 50
        assert "12 more" in body
        assert re.search(r"https://bridge\.example\.com/records\b(?!/)", body)


def test_a_name_cannot_add_a_header_or_a_line_break() -> None:
    message = mail(alert("Invoice 1024\r\nBcc: all@example.com\u202e", connection="Demo\nTo: x@example.com"))
    assert "Bcc" not in message
    assert message.get_all("To") == ["kari@example.com"]
    assert message["Subject"] == (
        "Action needed: Invoice 1024 Bcc: all@example.com wasn't synced to 24SevenOffice \N{EN DASH} "
        "Demo To: x@example.com"
    )


def test_html_in_a_message_is_only_text() -> None:
    body = text(mail(alert(message="<script>alert(1)</script>")), "html")
    assert "&lt;script&gt;" in body
    assert "<script>" not in body


def test_names_of_any_letters_and_length_arrive() -> None:
    title = "Kunde Æøå 株 {0} " + "x" * 10_000
    message = mail(alert(title, message="Ø" * 10_000 + "\ud800\x00", connection="Ås " * 1000))
    assert message["Subject"].startswith("Action needed: Kunde Æøå 株 {0} xxx")
    assert len(message["Subject"]) < 150
    assert len(text(message)) < 3000
    assert b"Bridge <bridge@example.com>" in message.as_bytes()


def test_a_title_of_emoji_that_is_cut_shows_so() -> None:
    assert "🎉… wasn't synced to 24SevenOffice" in mail(alert("🎉" * 1000))["Subject"]


def test_a_domain_with_norwegian_letters_is_spelt_for_every_server() -> None:
    message = mail(alert(), to="post@blåbær.no", sender="Blåbær AS <varsel@blåbær.no>")
    assert message["To"] == "post@xn--blbr-roah.no"
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Blåbær AS", "varsel@xn--blbr-roah.no")
    assert mail(alert(), sender="bridge@localhost")["From"] == "bridge@localhost"


def test_a_mail_is_recognizable_and_requests_no_automatic_reply() -> None:
    message = mail(alert())
    assert message["Message-ID"] == "<alert-7@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == AT


def norwegian(*alerts: PendingAlert) -> EmailMessage:
    return mail(*(replace(each, language=Language.NORWEGIAN) for each in alerts))


TITLE = titled(EntityType.INVOICE, "1024")
UNKNOWN_ACCOUNT = alert(
    TITLE,
    message=msg("Account {account} isn't in the chart of accounts of 24SevenOffice.", account=3999),
    remedy=msg("Open account {account} in 24SevenOffice, then retry.", account=3999),
    error_code="unknown_account",
)


@pytest.mark.parametrize(
    ("alerts", "subject"),
    [
        ([UNKNOWN_ACCOUNT], "Må følges opp: Faktura 1024 ble ikke overført til 24SevenOffice"),
        ([alert(TITLE, alert_type=AlertType.RESOLVED)], "Løst: Faktura 1024"),
        (
            [alert(TITLE, alert_type=AlertType.REMINDER, since=WEEK)],
            "Påminnelse: Faktura 1024 må fortsatt følges opp etter 7 dager",
        ),
        (
            [alert(TITLE, alert_type=AlertType.REMINDER, since=AT - timedelta(days=1))],
            "Påminnelse: Faktura 1024 må fortsatt følges opp etter 1 dag",
        ),
        ([paused], "Tilkoblingen er satt på pause"),
        ([alert()] * 12, "12 poster må følges opp"),
        ([digest], "Ukesrapport"),
    ],
)
def test_a_mail_is_in_the_language_of_the_connection(alerts: list[PendingAlert], subject: str) -> None:
    assert norwegian(*alerts)["Subject"] == f"{subject} \N{EN DASH} Demo AS"


def test_the_norwegian_text_reads_like_this() -> None:
    assert text(norwegian(UNKNOWN_ACCOUNT)) == (
        "Må følges opp: Faktura 1024 ble ikke overført til 24SevenOffice – Demo AS\n\n22.11.2026 13:05\nKonto "
        "3999 finnes ikke i kontoplanen i 24SevenOffice.\nDette gjør du: Opprett konto 3999 i 24SevenOffice, og "
        "prøv igjen.\nÅpne posten: https://bridge.example.com/records/7\nMer om dette: "
        "https://bridge.example.com/error-codes/unknown_account?language=nb\n\n-- \nDu får denne e-posten fordi "
        "du er mottaker av feilvarsler fra integrasjonen mellom Moment og 24SevenOffice.\nKlokkeslett er norsk "
        "tid.\n"
    )


def test_the_html_is_marked_with_its_language() -> None:
    body = text(norwegian(UNKNOWN_ACCOUNT), "html")
    assert '<html lang="nb">' in body
    assert "Konto 3999 finnes ikke i kontoplanen i 24SevenOffice." in body


def test_a_remote_systems_message_is_not_translated() -> None:
    refused = msg("{what}: “{said}”.", what=msg("24SevenOffice rejected the voucher"), said="Period is locked")
    assert "24SevenOffice avviste bilaget: «Period is locked»" in text(norwegian(alert(message=refused)))


def test_connections_of_different_languages_are_mailed_in_that_of_the_most_urgent() -> None:
    elsewhere = alert("Demo AS", alert_type=AlertType.PAUSED, connection="Fjord AS", language=Language.NORWEGIAN)
    assert mail(alert(), elsewhere)["Subject"].startswith("Tilkoblingen er satt på pause")
    assert mail(paused, replace(elsewhere, type=AlertType.NEEDS_ATTENTION))["Subject"].startswith(
        "The connection is paused"
    )


def test_several_companies_are_counted_in_norwegian_too() -> None:
    both = norwegian(alert(), alert(connection="Fjord AS"))
    assert both["Subject"] == "2 poster må følges opp \N{EN DASH} 2 firmaer"


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_links_to_the_explanation_of_its_error_code(kind: Literal["plain", "html"]) -> None:
    address = "https://bridge.example.com/error-codes/unknown_account?language=en"
    assert address in text(mail(UNKNOWN_ACCOUNT), kind)
    assert "/error-codes/" not in text(mail(alert(error_code="of long ago")), kind)


def test_a_mail_about_a_connection_links_to_it() -> None:
    paused = mail(alert("Demo AS", alert_type=AlertType.PAUSED))
    compared = mail(alert("Demo AS", alert_type=AlertType.RECONCILIATION, job_id=None))
    for kind in ("plain", "html"):
        assert "https://bridge.example.com/connections/1" in text(paused, kind)
        assert "https://bridge.example.com/connections/1/reconciliation" in text(compared, kind)
    assert "/connections/" not in text(mail(alert()))


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_about_a_record_has_its_customer_amount_and_date(
    kind: Literal["plain", "html"],
) -> None:
    known = RecordSummary(
        party="Nordlys\nArkitekter AS", party_number="10001", amount=1250050, currency="NOK", record_date=AT.date()
    )
    body = unescape(text(mail(alert(summary=known)), kind))
    for told in (
        "Customer: Nordlys Arkitekter AS (10001)",
        "Amount incl. VAT: 12,500.50 NOK",
        "Invoice date: 22 Nov 2026",
    ):
        assert told in body
