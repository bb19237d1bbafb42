"""What a bookkeeper reads: which record, what is wrong, what to do, and where to look, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from sync.cleaning import clean

if TYPE_CHECKING:
    from datetime import datetime

SHOWN = 50
_MOST_IN_SUBJECT = 100  # characters
_MOST_IN_BODY = 1000
_OSLO = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True, slots=True)
class LetterItem:
    """One turn for the worse or the better.

    Args:
        turn: which of the two.
        title: the record as its people call it, such as "Invoice 1024"; for a connection the whole news, such as
            "The connection is paused".
        message: what is wrong, or that nothing is any more.
        remedy: what the reader can do about it, empty where nothing is needed.
        link: where the reader sees it.
        at: when it turned; shown as Oslo time.
        about: one record, or the connection with all that waits in it.
    """

    turn: Literal["worse", "better"]
    title: str
    message: str
    remedy: str
    link: str
    at: datetime
    about: Literal["record", "connection"] = "record"

    @property
    def headline(self) -> str:
        """What happened, in one line."""
        title = _line(self.title, most=_MOST_IN_SUBJECT)
        if self.about == "connection":
            return title
        return (
            f"{title} did not reach 24SevenOffice" if self.turn == "worse" else f"{title} is in 24SevenOffice now"
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """All that is to be told of one connection at a time; ``company`` is the connection's name."""

    company: str
    items: tuple[LetterItem, ...]

    @property
    def subject(self) -> str:
        """The gravest news in one line, with the company last."""
        worse = [item for item in self.items if item.turn == "worse"]
        telling = worse or self.items
        whole = [item for item in telling if item.about == "connection"]
        if whole or len(telling) == 1:
            news = (whole or telling)[0].headline
        elif worse:
            news = f"{len(worse)} records need you"
        else:
            news = f"{len(telling)} records are in 24SevenOffice now"
        return f"{news} \N{EN DASH} {_line(self.company, most=_MOST_IN_SUBJECT)}"


def compose(letter: Letter, *, sender: str, to: str, message_id: str, sent: datetime) -> EmailMessage:
    """Write the mail of a letter to one address.

    Args:
        letter: what to tell; at most 50 items are shown, the others are counted.
        sender: the address in From.
        to: the address of the reader.
        message_id: by which a mail that is sent again is known as the same, ``<...@...>``.
        sent: when it is sent, aware.
    """
    mail = EmailMessage()
    mail["Subject"] = letter.subject
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(sent.astimezone(_OSLO))
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please
    mail.set_content(_render("letter.txt", letter))
    mail.add_alternative(_render("letter.html", letter), subtype="html")
    return mail


def _render(template: str, letter: Letter) -> str:
    shown, more = letter.items[:SHOWN], max(0, len(letter.items) - SHOWN)
    return _templates.get_template(template).render(letter=letter, shown=shown, more=more)


def _oslo(at: datetime) -> str:
    return f"{at.astimezone(_OSLO):%d.%m.%Y %H:%M}"


def _line(text: str, *, most: int = _MOST_IN_BODY) -> str:
    """Make a text from outside one line of so many characters, without anything that does not show."""
    line = clean(text, longest=most + 1)
    return line if len(line) <= most else f"{line[: most - 1]}…"


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(oslo=_oslo, line=_line)
