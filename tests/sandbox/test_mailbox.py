import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.serving import sandbox


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with sandbox() as (addresses, _process):
        yield addresses


@pytest.fixture
def pages(addresses: dict[str, str]) -> str:
    requests.delete(f"{addresses['mail']}/mails", timeout=10)
    return addresses["mail"]


@pytest.fixture
def smtp(addresses: dict[str, str]) -> Iterator[smtplib.SMTP]:
    server = urlsplit(addresses["smtp"])
    with smtplib.SMTP(server.hostname or "", server.port or 0, timeout=10) as client:
        yield client


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "bridge@example.com"
    message["To"] = "Kari <kari@example.com>, ola@example.com"
    message["Subject"] = "Faktura 7 må rettes på"
    message.set_content("Kunden mangler.\n")
    message.add_alternative("<p>Kunden <b>mangler</b>.</p>\n", subtype="html")
    return message


def test_a_mail_can_be_read_as_it_was_sent(pages: str, smtp: smtplib.SMTP) -> None:
    smtp.send_message(mail())
    (got,) = requests.get(f"{pages}/mails", timeout=10).json()
    assert (got["from"], got["to"]) == ("bridge@example.com", ["kari@example.com", "ola@example.com"])
    assert got["subject"] == "Faktura 7 må rettes på"
    assert got["text"] == "Kunden mangler.\n"
    assert got["html"] == "<p>Kunden <b>mangler</b>.</p>\n"


def test_the_page_shows_a_mail_and_runs_no_code_in_it(pages: str, smtp: smtplib.SMTP) -> None:
    assert "No mail yet" in requests.get(pages, timeout=10).text
    smtp.send_message(mail())
    page = requests.get(pages, timeout=10).text
    assert "Faktura 7 må rettes på" in page
    assert "&lt;b&gt;mangler&lt;/b&gt;" in page


def test_mails_can_be_refused_for_a_while(pages: str, smtp: smtplib.SMTP) -> None:
    requests.post(f"{pages}/faults", json={"kind": "refuse", "times": 1}, timeout=10)
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        smtp.send_message(mail())
    assert refusal.value.smtp_code == 451
    smtp.send_message(mail())
    assert len(requests.get(f"{pages}/mails", timeout=10).json()) == 1
