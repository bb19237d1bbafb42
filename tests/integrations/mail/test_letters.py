"""The mails: a bookkeeper reads which record, what is wrong, what to do, and where to look."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pytest

from integrations.mail.letters import Letter, LetterItem, compose

if TYPE_CHECKING:
    from email.message import EmailMessage

AT = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)


def item(
    title: str = "Invoice 1024",
    *,
    turn: Literal["worse", "better"] = "worse",
    about: Literal["record", "connection"] = "record",
    message: str = "Account 3999 is not in the chart of accounts.",
    remedy: str = "Choose another account, then try again.",
    at: datetime = AT,
) -> LetterItem:
    link = "https://bridge.example.com/changes/7?a=1&b=2"
    return LetterItem(turn=turn, title=title, message=message, remedy=remedy, link=link, at=at, about=about)


def mail(*items: LetterItem, company: str = "Demo AS") -> EmailMessage:
    return compose(
        Letter(company, items),
        sender="Bridge <bridge@example.com>",
        to="kari@example.com",
        message_id="<alert-7@example.com>",
        sent=AT,
    )


def text(message: EmailMessage, kind: Literal["plain", "html"] = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


paused = item("The connection is paused", about="connection")
works = item("The connection works again", about="connection", turn="better")
better = item("Invoice 7", turn="better")


@pytest.mark.parametrize(
    ("items", "subject"),
    [
        ([item()], "Invoice 1024 did not reach 24SevenOffice"),
        ([item(turn="better")], "Invoice 1024 is in 24SevenOffice now"),
        ([item()] * 12, "12 records need you"),
        ([better, item(), better], "Invoice 1024 did not reach 24SevenOffice"),
        ([better, better], "2 records are in 24SevenOffice now"),
        ([item(), item(), paused], "The connection is paused"),
        ([better, works], "The connection works again"),
        ([works, item()], "Invoice 1024 did not reach 24SevenOffice"),
    ],
)
def test_the_subject_tells_the_gravest_news(items: list[LetterItem], subject: str) -> None:
    assert mail(*items)["Subject"] == f"{subject} \N{EN DASH} Demo AS"


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_mail_says_what_is_wrong_what_to_do_and_where(kind: Literal["plain", "html"]) -> None:
    body = text(mail(item()), kind)
    for told in (
        "Invoice 1024 did not reach 24SevenOffice",
        "Account 3999 is not in the chart of accounts.",
        "Choose another account, then try again.",
        "https://bridge.example.com/changes/7?a=1",
        "Demo AS",
    ):
        assert told in body


def test_the_text_reads_like_this() -> None:
    assert text(mail(item(), item("Invoice 7", turn="better", message="It was posted.", remedy=""))) == (
        "Invoice 1024 did not reach 24SevenOffice \N{EN DASH} Demo AS\n"
        "\n"
        "Invoice 1024 did not reach 24SevenOffice\n"
        "22.11.2026 13:05\n"
        "Account 3999 is not in the chart of accounts.\n"
        "What to do: Choose another account, then try again.\n"
        "Look here: https://bridge.example.com/changes/7?a=1&b=2\n"
        "\n"
        "Invoice 7 is in 24SevenOffice now\n"
        "22.11.2026 13:05\n"
        "It was posted.\n"
        "Look here: https://bridge.example.com/changes/7?a=1&b=2\n"
        "\n"
        "-- \n"
        "Sent by the bridge between Moment and 24SevenOffice, to the error addresses of Demo AS.\n"
        "Times are Oslo time.\n"
    )


@pytest.mark.parametrize(("month", "shown"), [(1, "22.01.2026 13:05"), (7, "22.07.2026 14:05")])
def test_times_are_oslo_time_in_winter_and_summer(month: int, shown: str) -> None:
    assert shown in text(mail(item(at=AT.replace(month=month))))


def test_of_many_records_fifty_are_shown_and_the_others_counted() -> None:
    message = mail(*(item(f"Invoice {number}") for number in range(1, 63)))
    for body in (text(message), text(message, "html")):
        assert len(re.findall(r"Invoice \d+ did not reach", body)) == 50
        assert "and 12 more." in body


def test_a_name_cannot_add_a_header_or_turn_the_line() -> None:
    message = mail(item("Invoice 1024\r\nBcc: all@example.com\u202e"), company="Demo\nTo: x@example.com")
    assert "Bcc" not in message
    assert message.get_all("To") == ["kari@example.com"]
    assert message["Subject"] == (
        "Invoice 1024 Bcc: all@example.com did not reach 24SevenOffice \N{EN DASH} Demo To: x@example.com"
    )


def test_html_in_a_message_is_only_text() -> None:
    body = text(mail(item(message="<script>alert(1)</script>")), "html")
    assert "&lt;script&gt;" in body
    assert "<script>" not in body


def test_names_of_any_letters_and_length_arrive() -> None:
    message = mail(item("Kunde Æøå 株 " + "x" * 10_000, message="Ø" * 10_000 + "\ud800\x00"), company="Ås " * 1000)
    assert len(message["Subject"]) < 300
    assert len(text(message)) < 3000
    assert b"Bridge <bridge@example.com>" in message.as_bytes()


def test_a_mail_can_be_known_again_and_asks_for_no_automatic_answer() -> None:
    message = mail(item())
    assert message["Message-ID"] == "<alert-7@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == AT
