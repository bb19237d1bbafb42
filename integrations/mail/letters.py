"""What a bookkeeper reads: which record, what is wrong, what to do, and where to look, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from models.alerts import Turn
from models.words import Kind
from sync.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from models.alerts import Unsent

SHOWN = 50

_MOST_IN_TITLE = 60  # characters
_MOST_IN_COMPANY = 40
_MOST_IN_BODY = 1000
_OSLO = ZoneInfo("Europe/Oslo")
_URGENCY = {turn: place for place, turn in enumerate(Turn)}

_NEWS = {
    Turn.PAUSED: ("The connection is paused", "Connections are paused"),
    Turn.WORSE: ("{title} did not reach {system}", "{count} records need you"),
    Turn.REMINDER: ("{title} still needs you after {days}", "{count} records still need you"),
    Turn.DOWN: ("The connection is interrupted", "Connections are interrupted"),
    Turn.UP: ("The connection works again", "Connections work again"),
    Turn.BETTER: ("{title} is in order now", "{count} records are in order now"),
    Turn.DIGEST: ("The week in short", "The week in short"),
}
"""What is said of one, and of several at once."""


@dataclass(frozen=True, slots=True)
class Letter:
    """All that one address is told at a time.

    Args:
        alerts: what happened, at least one, the most urgent first.
        public_url: where the pages are that the links lead to.
    """

    alerts: Sequence[Unsent]
    public_url: str

    @property
    def news(self) -> str:
        """The most urgent news in one line."""
        most_urgent = self._most_urgent()
        if len(most_urgent) == 1:
            return headline(most_urgent[0])
        return _NEWS[most_urgent[0].turn][1].format(count=len(most_urgent))

    @property
    def subject(self) -> str:
        """The same, with whom it is about."""
        companies = {alert.connection for alert in self._most_urgent()}
        whom = (
            _line(companies.pop(), most=_MOST_IN_COMPANY) if len(companies) == 1 else f"{len(companies)} companies"
        )
        return f"{self.news} \N{EN DASH} {whom}"

    @property
    def companies(self) -> int:
        """How many companies it is about."""
        return len({alert.connection for alert in self.alerts})

    @property
    def more(self) -> int:
        """How many alerts are not shown."""
        return max(0, len(self.alerts) - SHOWN)

    def by_company(self) -> dict[str, list[Unsent]]:
        """Tell what is shown under the name of each company, the one with the most urgent first."""
        shown: dict[str, list[Unsent]] = {}
        for alert in self.alerts[:SHOWN]:
            shown.setdefault(alert.connection, []).append(alert)
        return shown

    def _most_urgent(self) -> list[Unsent]:
        return [alert for alert in self.alerts if alert.turn is self.alerts[0].turn]


def compose(
    alerts: Sequence[Unsent], *, public_url: str, sender: str, to: str, message_id: str, sent: datetime
) -> EmailMessage:
    """Write the mail that tells one address of these alerts.

    Args:
        alerts: what to tell, at least one, in any order; 50 are shown, the others are counted.
        public_url: where the pages are that the links lead to.
        sender: the address in From.
        to: the address of the reader.
        message_id: by which a mail that is sent again is known as the same, ``<...@...>``.
        sent: when it is sent, aware.
    """
    letter = Letter(sorted(alerts, key=lambda alert: (_URGENCY[alert.turn], alert.at)), public_url)
    mail = EmailMessage()
    mail["Subject"] = letter.subject
    mail["From"] = sender
    mail["To"] = _to(to)
    mail["Date"] = format_datetime(sent.astimezone(_OSLO))
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please
    mail.set_content(_templates.get_template("letter.txt").render(letter=letter))
    mail.add_alternative(_templates.get_template("letter.html").render(letter=letter), subtype="html")
    return mail


def headline(alert: Unsent) -> str:
    """Tell what happened in one line."""
    return _NEWS[alert.turn][0].format(
        title=_line(alert.title, most=_MOST_IN_TITLE),
        system="Moment" if alert.kind is Kind.EXPENSE else "24SevenOffice",
        days=_days(alert),
    )


def _days(alert: Unsent) -> str:
    days = (alert.at - (alert.since or alert.at)).days
    return "1 day" if days == 1 else f"{days} days"


def _to(address: str) -> str:
    """Spell a domain such as blåbær.no as every mail server knows it."""
    known = validate_email(address, check_deliverability=False)
    return f"{known.local_part}@{known.ascii_domain}"


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
_templates.filters.update(headline=headline, line=_line, oslo=_oslo)
