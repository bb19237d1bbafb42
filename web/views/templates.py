"""Pages from templates, in the reader's language."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache, partial
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from i18n import formatting
from i18n.catalog import Language, translations
from i18n.messages import Message, from_json, msg, translate
from models.admin.job_list import JobView
from models.connections.repository import NOT_STARTED
from sync.money import NOK, format_kroner
from sync.rules.record_summaries import facts
from web.views.call_log import formatted
from web.views.record_status import STATUSES, status_of, tone_of

GROUPED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
"""The separator between the thousands of an amount."""

MINUTE, HOUR, DAY = 60, 3600, 86400

REFRESH_SECONDS = 15
"""How often a section that shows progress or a status refreshes itself."""


def render(template: str, language: Language, **values: object) -> str:
    return _environment(language).get_template(template).render(language=language, **values)


def preferred_language(request: Request) -> Language:
    asked = request.query_params.get("language") or request.headers.get("Accept-Language", "")
    return Language.ENGLISH if asked.lower().startswith(Language.ENGLISH) else Language.NORWEGIAN


def duration(seconds: float) -> Message:
    """Format a duration in the largest unit of which there are at least two."""
    if seconds < 2:  # noqa: PLR2004 - see above
        return msg("{number} ms", number=round(seconds * 1000))
    if seconds < 2 * MINUTE:
        return msg("{number} s", number=round(seconds))
    if seconds < 2 * HOUR:
        return msg("{number} min", number=round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return msg("{number} h", number=round(seconds / HOUR))
    return msg("{number} days", number=round(seconds / DAY))


def unbroken(text: str) -> str:
    """Keep the digits of each amount in a sentence on one line."""
    return GROUPED.sub("\N{NO-BREAK SPACE}", text)


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined] # added by it
    environment.globals |= {
        "STATUSES": STATUSES,
        "NOK": NOK,
        "not_started": NOT_STARTED,
        "REFRESH_SECONDS": REFRESH_SECONDS,
    }
    environment.filters |= {
        "from_json": from_json,
        "translate": partial(translate, language=language),
        "oslo": partial(_oslo, language=language),
        "ago": partial(_ago, language=language),
        "clock_time": partial(formatting.clock_time, language=language),
        "day": partial(formatting.day, language=language),
        "count": partial(formatting.count, language=language),
        "kroner": lambda ore: translate(format_kroner(ore), language),
        "amount": partial(formatting.amount, language=language),
        "unbroken": unbroken,
        "status": status_of,
        "tone": tone_of,
        "facts": partial(_facts, language=language),
        "duration": duration,
        "formatted": formatted,
    }
    return environment


def _facts(job: JobView, *, language: Language) -> Iterable[tuple[Message, str]]:
    return facts(job.record.entity_type, job.summary, language)


def _ago(at: datetime, now: datetime, *, language: Language) -> Markup:
    """Format how long ago an instant was, with the exact time as a tooltip."""
    exact, said = formatting.instant(at, language), formatting.ago(at, language, now=now)
    return Markup('<time datetime="%s" title="%s">%s</time>') % (at.isoformat(), exact, said)


def _oslo(at: datetime, *, language: Language) -> Markup:
    written = formatting.instant(at, language)
    return Markup('<time datetime="%s">%s</time>') % (at.isoformat(), written)
