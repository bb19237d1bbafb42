"""Pages from templates, in the language of whoever reads them."""

from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from i18n import formatting
from i18n.catalog import Language, translations
from i18n.messages import Message, msg, translate
from sync.money import format_kroner
from web.security.auth import Guest
from web.views.call_log import formatted

MINUTE, HOUR, DAY = 60, 3600, 86400


class Renderer:
    """Fills in templates for one request; ``current_user`` is None where nobody is signed in."""

    def __init__(self, request: Request, current_user: Guest) -> None:
        self._path = request.url.path
        self._current_user = current_user
        self._language = current_user.language if current_user else _preferred_language(request)

    def __call__(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        page = (
            _environment(self._language)
            .get_template(template)
            .render(path=self._path, current_user=self._current_user, language=self._language, **context)
        )
        return HTMLResponse(page, status)


Render = Annotated[Renderer, Depends()]


def duration(seconds: float) -> Message:
    """Say how long something took, in the largest unit of which there are two at least."""
    if seconds < 2:  # noqa: PLR2004 - see above
        return msg("{number} ms", number=round(seconds * 1000))
    if seconds < 2 * MINUTE:
        return msg("{number} s", number=round(seconds))
    if seconds < 2 * HOUR:
        return msg("{number} min", number=round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return msg("{number} h", number=round(seconds / HOUR))
    return msg("{number} days", number=round(seconds / DAY))


def _preferred_language(request: Request) -> Language:
    """Return the language that the address asks for, or the browser's first."""
    asked = request.query_params.get("language") or request.headers.get("Accept-Language", "")
    return Language.ENGLISH if asked.lower().startswith(Language.ENGLISH) else Language.NORWEGIAN


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
    environment.filters |= {
        "translate": partial(translate, language=language),
        "oslo": partial(_oslo, language=language),
        "day": partial(formatting.day, language=language),
        "count": partial(formatting.count, language=language),
        "kroner": format_kroner,
        "duration": duration,
        "formatted": formatted,
    }
    return environment


def _oslo(at: datetime, *, language: Language) -> Markup:
    written = formatting.instant(at, language)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), written)
