"""What a bookkeeper reads: which record, what is wrong, what to do, and where to look, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from language.catalogue import translations
from language.said import say, tell
from models.alerts import Turn
from models.words import Kind
from sync.cleaning import clean
from sync.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from language.catalogue import Language
    from models.alerts import Unsent

SHOWN = 50

_MOST_IN_TITLE = 60  # characters
_MOST_IN_COMPANY = 40
_MOST_IN_BODY = 1000
_OSLO = ZoneInfo("Europe/Oslo")
_URGENCY = {turn: place for place, turn in enumerate(Turn)}

_ONE = {
    Turn.PAUSED: say("The connection is paused"),
    Turn.DOWN: say("The connection is interrupted"),
    Turn.SHORT: say("The connection waits for requests"),
    Turn.UP: say("The connection works again"),
    Turn.BOOKS: say("The books of the month"),
    Turn.DIGEST: say("The week in short"),
}
_SEVERAL = {
    Turn.PAUSED: say("Connections are paused"),
    Turn.DOWN: say("Connections are interrupted"),
    Turn.SHORT: say("Connections wait for requests"),
    Turn.UP: say("Connections work again"),
    Turn.BOOKS: say("The books of the month"),
    Turn.DIGEST: say("The week in short"),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """All that one address is told at a time, in the language of the connection with the most urgent news.

    Args:
        alerts: what happened, at least one, the most urgent first.
        public_url: where the pages are that the links lead to.
    """

    alerts: Sequence[Unsent]
    public_url: str

    @property
    def language(self) -> Language:
        """What it is written in."""
        return self.alerts[0].language

    @property
    def news(self) -> str:
        """The most urgent news in one line."""
        most_urgent = self._most_urgent()
        if len(most_urgent) == 1:
            return headline(most_urgent[0], language=self.language)
        return _together(most_urgent[0].turn, len(most_urgent), language=self.language)

    @property
    def subject(self) -> str:
        """The same, with whom it is about."""
        companies = {alert.connection for alert in self._most_urgent()}
        if len(companies) == 1:
            return (
                f"{self.news} \N{EN DASH} {_line(companies.pop(), language=self.language, most=_MOST_IN_COMPANY)}"
            )
        words = translations(self.language)
        whom = words.ngettext("{count} company", "{count} companies", len(companies)).format(count=len(companies))
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
    templates = _templates(letter.language)
    mail.set_content(templates.get_template("letter.txt").render(letter=letter))
    mail.add_alternative(templates.get_template("letter.html").render(letter=letter), subtype="html")
    return mail


def headline(alert: Unsent, *, language: Language) -> str:
    """Tell what happened in one line."""
    title = _line(alert.title, language=language, most=_MOST_IN_TITLE)
    match alert.turn:
        case Turn.WORSE:
            system = "Moment" if alert.kind is Kind.EXPENSE else "24SevenOffice"
            return tell(say("{title} did not reach {system}", title=title, system=system), language)
        case Turn.REMINDER:
            days = (alert.at - (alert.since or alert.at)).days
            words = translations(language)
            still = words.ngettext(
                "{title} still needs you after {days} day", "{title} still needs you after {days} days", days
            )
            return still.format(title=title, days=days)
        case Turn.BETTER:
            return tell(say("{title} is in order now", title=title), language)
        case turn:
            return tell(_ONE[turn], language)


def _together(turn: Turn, count: int, *, language: Language) -> str:
    """Tell what happened to several in one line."""
    words = translations(language)
    match turn:
        case Turn.WORSE:
            news = words.ngettext("{count} record needs you", "{count} records need you", count)
        case Turn.REMINDER:
            news = words.ngettext("{count} record still needs you", "{count} records still need you", count)
        case Turn.BETTER:
            news = words.ngettext("{count} record is in order now", "{count} records are in order now", count)
        case _:
            news = tell(_SEVERAL[turn], language)
    return news.format(count=count)


def _to(address: str) -> str:
    """Spell a domain such as blåbær.no as every mail server knows it."""
    known = validate_email(address, check_deliverability=False)
    return f"{known.local_part}@{known.ascii_domain}"


def _oslo(at: datetime) -> str:
    return f"{at.astimezone(_OSLO):%d.%m.%Y %H:%M}"


def _line(text: str, *, language: Language, most: int = _MOST_IN_BODY) -> str:
    """Make a sentence or a text from outside one line of so many characters, with nothing that does not show."""
    line = clean(tell(text, language), longest=most + 1)
    return line if len(line) <= most else f"{line[: most - 1]}…"


@cache
def _templates(language: Language) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    templates.filters |= {
        "headline": partial(headline, language=language),
        "line": partial(_line, language=language),
        "oslo": _oslo,
    }
    templates.tests["explained"] = REASONS.__contains__
    return templates
