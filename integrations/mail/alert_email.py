"""The alert mail: which record, what is wrong, what to do and where to look, as text and as HTML.

The headlines are in this module, the rest of the wording is in ``templates/``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from i18n.catalog import Language, translations
from i18n.formatting import OSLO
from i18n.messages import msg, translate
from integrations.mail.messages import FOR_A_USER, new_mail
from models.connections.alert_outbox import AlertType, PendingAlert
from models.enums import EntityType
from sync.error_codes import ERROR_CODES
from sync.rules.normalization import clean, utf16_length
from sync.rules.record_summaries import facts

MAX_ALERTS_SHOWN = 50

_MAX_TITLE = 60  # characters
_MAX_COMPANY = 40
_MAX_BODY = 1000
_URGENCY = {alert_type: place for place, alert_type in enumerate(AlertType)}

FOR_THE_LISTED = msg(
    "You receive this because you're an alert recipient of the integration between Moment and 24SevenOffice."
)

_HEADLINES = {
    AlertType.PAUSED: msg("The connection is paused"),
    AlertType.CLOCK: msg("Server clock is wrong"),
    AlertType.OUTAGE: msg("Connection interrupted"),
    AlertType.STALLED: msg("Changes aren't being received"),
    AlertType.WEBHOOK: msg("Webhooks name records that don't exist"),
    AlertType.API_KEY: msg("Moment API key expires soon"),
    AlertType.RECEIVER: msg("Event receiver disabled"),
    AlertType.RATE_LIMITED: msg("Connection waiting for API quota"),
    AlertType.RECOVERED: msg("Connection recovered"),
    AlertType.RECONCILIATION: msg("Monthly reconciliation"),
    AlertType.DIGEST: msg("Weekly summary"),
}
_PLURAL_HEADLINES = _HEADLINES | {
    AlertType.ACCOUNT: msg("Security notice about your account"),
    AlertType.PAUSED: msg("Connections paused"),
    AlertType.OUTAGE: msg("Connections interrupted"),
    AlertType.API_KEY: msg("Moment API keys expire soon"),
    AlertType.RECEIVER: msg("Event receivers disabled"),
    AlertType.RATE_LIMITED: msg("Connections waiting for API quota"),
    AlertType.RECOVERED: msg("Connections recovered"),
}


@dataclass(frozen=True, slots=True)
class AlertEmail:
    """All alerts to one address, the most urgent first, in the language of their connection."""

    alerts: Sequence[PendingAlert]
    public_url: str

    @property
    def language(self) -> Language:
        return self.alerts[0].language

    @property
    def headline(self) -> str:
        most_urgent = self._most_urgent()
        if len(most_urgent) == 1:
            return headline(most_urgent[0], language=self.language)
        return _plural_headline(most_urgent[0].type, len(most_urgent), language=self.language)

    @property
    def subject(self) -> str:
        companies = {alert.connection for alert in self._most_urgent()}
        if len(companies) == 1:
            return (
                f"{self.headline} \N{EN DASH} {_line(companies.pop(), language=self.language, limit=_MAX_COMPANY)}"
            )
        words = translations(self.language)
        whom = words.ngettext("{count} company", "{count} companies", len(companies)).format(count=len(companies))
        return f"{self.headline} \N{EN DASH} {whom}"

    @property
    def why_sent(self) -> str:
        return FOR_A_USER if all(alert.connection_id is None for alert in self.alerts) else FOR_THE_LISTED

    @property
    def companies(self) -> int:
        return len({alert.connection for alert in self.alerts})

    @property
    def hidden_count(self) -> int:
        return max(0, len(self.alerts) - MAX_ALERTS_SHOWN)

    def by_company(self) -> dict[str, list[PendingAlert]]:
        """Return the items under the name of each company, the one with the most urgent first."""
        shown: dict[str, list[PendingAlert]] = {}
        for alert in self.alerts[:MAX_ALERTS_SHOWN]:
            shown.setdefault(alert.connection, []).append(alert)
        return shown

    def _most_urgent(self) -> list[PendingAlert]:
        return [alert for alert in self.alerts if alert.type is self.alerts[0].type]


def compose(
    alerts: Sequence[PendingAlert], *, public_url: str, sender: str, to: str, message_id: str, sent: datetime
) -> EmailMessage:
    """Compose the mail about these alerts (50 are shown, the rest counted); links begin with ``public_url``."""
    email = AlertEmail(sorted(alerts, key=lambda alert: (_URGENCY[alert.type], alert.at)), public_url)
    mail = new_mail(email.subject, sender=sender, to=to, message_id=message_id, sent=sent)
    templates = _templates(email.language)
    mail.set_content(templates.get_template("alert_email.txt").render(email=email))
    mail.add_alternative(templates.get_template("alert_email.html").render(email=email), subtype="html")
    return mail


def headline(alert: PendingAlert, *, language: Language) -> str:
    title = _line(alert.title, language=language, limit=_MAX_TITLE)
    match alert.type:
        case AlertType.NEEDS_ATTENTION:
            system = "Moment" if alert.entity_type is EntityType.EXPENSE else "24SevenOffice"
            return translate(
                msg("Action needed: {title} wasn't synced to {system}", title=title, system=system), language
            )
        case AlertType.REMINDER:
            days = (alert.at - (alert.since or alert.at)).days
            words = translations(language)
            still = words.ngettext(
                "Reminder: {title} has needed action for {days} day",
                "Reminder: {title} has needed action for {days} days",
                days,
            )
            return still.format(title=title, days=days)
        case AlertType.ACCOUNT:
            return title
        case AlertType.OVERDUE:
            return translate(msg("{title} hasn't synced yet", title=title), language)
        case AlertType.RESOLVED:
            return translate(msg("Resolved: {title}", title=title), language)
        case alert_type:
            return translate(_HEADLINES[alert_type], language)


def _plural_headline(alert_type: AlertType, count: int, *, language: Language) -> str:
    words = translations(language)
    match alert_type:
        case AlertType.NEEDS_ATTENTION:
            news = words.ngettext("Action needed: {count} record", "Action needed: {count} records", count)
        case AlertType.REMINDER:
            news = words.ngettext(
                "Reminder: {count} record needs action", "Reminder: {count} records need action", count
            )
        case AlertType.OVERDUE:
            news = words.ngettext("{count} record hasn't synced yet", "{count} records haven't synced yet", count)
        case AlertType.RESOLVED:
            news = words.ngettext("Resolved: {count} record", "Resolved: {count} records", count)
        case _:
            news = translate(_PLURAL_HEADLINES[alert_type], language)
    return news.format(count=count)


def _facts(alert: PendingAlert, *, language: Language) -> list[str]:
    """Return the known facts about the record of an alert, one per line."""
    if alert.entity_type is None:
        return []
    known = facts(alert.entity_type, alert.summary, language)
    return [f"{translate(label, language)}: {_line(value, language=language)}" for label, value in known]


def _oslo(at: datetime) -> str:
    return f"{at.astimezone(OSLO):%d.%m.%Y %H:%M}"


def _line(text: str, *, language: Language, limit: int = _MAX_BODY) -> str:
    """Reduce a sentence or an external text to one line of limited length without invisible characters."""
    line = clean(translate(text, language), max_length=limit + 2)  # a pair of UTF-16 units is cut as a whole
    return line if utf16_length(line) <= limit else f"{clean(line, max_length=limit - 1)}…"


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
    templates.filters["facts"] = partial(_facts, language=language)
    templates.tests["explained"] = ERROR_CODES.__contains__
    return templates
