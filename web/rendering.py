"""Pages from templates, in the language of whoever reads them."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from language import times
from language.catalogue import Language, translations
from language.said import tell
from sync.vouchers import kroner
from web.durations import duration
from web.exchanges import laid_out

if TYPE_CHECKING:
    from datetime import datetime

    from fastapi import Request

    from web.visitors import Visitor


def render(
    request: Request, visitor: Visitor | None, template: str, *, status: int = 200, **context: object
) -> HTMLResponse:
    """Fill in a template; ``visitor`` is None where nobody is signed in."""
    language = visitor.language if visitor else preferred(request)
    page = _environment(language).get_template(template)
    return HTMLResponse(page.render(path=request.url.path, visitor=visitor, language=language, **context), status)


def preferred(request: Request) -> Language:
    """Tell the language of somebody who is not signed in: asked for in the address, or the browser's first."""
    asked = request.query_params.get("language") or request.headers.get("Accept-Language", "")
    return Language.ENGLISH if asked.lower().startswith(Language.ENGLISH) else Language.NORWEGIAN


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined] # added by it
    environment.filters |= {
        "said": partial(tell, language=language),
        "oslo": partial(_oslo, language=language),
        "day": partial(times.day, language=language),
        "count": partial(times.count, language=language),
        "kroner": kroner,
        "lasting": duration,
        "laid_out": laid_out,
    }
    return environment


def _oslo(at: datetime, *, language: Language) -> Markup:
    written = times.instant(at, language)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), written)
