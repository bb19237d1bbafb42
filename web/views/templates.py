"""Pages from templates, in the language of whoever reads them."""

from datetime import datetime
from functools import cache, partial
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from i18n import formatting
from i18n.catalog import Language, translations
from i18n.messages import translate
from sync.money import format_kroner
from web.security.auth import CurrentUser
from web.views.call_log import formatted
from web.views.durations import duration


def render(
    request: Request, current_user: CurrentUser | None, template: str, *, status: int = 200, **context: object
) -> HTMLResponse:
    """Fill in a template; ``current_user`` is None where nobody is signed in."""
    language = current_user.language if current_user else preferred(request)
    page = _environment(language).get_template(template)
    return HTMLResponse(
        page.render(path=request.url.path, current_user=current_user, language=language, **context), status
    )


def preferred(request: Request) -> Language:
    """Tell the language of somebody who is not signed in: asked for in the address, or the browser's first."""
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
