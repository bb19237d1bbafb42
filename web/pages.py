"""The pages: what this is, and the change that a mail points to, which only those with the password may see."""

from datetime import datetime
from pathlib import Path
from secrets import compare_digest
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.templating import Jinja2Templates

from models import changes
from models.words import State
from worker.wiring import bridge

OSLO = ZoneInfo("Europe/Oslo")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter()
templates = Jinja2Templates(Path(__file__).parent / "templates")


def password_known(
    credentials: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))],
) -> None:
    """Let those in who know the installation's password, under any name; nobody where it has none."""
    password = bridge().settings.web_password
    if not password.get_secret_value():
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            "The pages are closed until the setting WEB_PASSWORD gives them a password.",
        )
    told = credentials.password if credentials else ""
    if not compare_digest(told.encode(), password.get_secret_value().encode()):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": 'Basic realm="bridge"'})


@router.get("/")
def home(request: Request) -> Response:
    """Say what this is."""
    return templates.TemplateResponse(request, "home.html", headers=HEADERS)


@router.get("/changes", dependencies=[Depends(password_known)])
def open_changes(request: Request) -> Response:
    """List what needs a person, then what waits."""
    views = [
        view for state in (State.STUCK, State.WAITING) for view in changes.listing(bridge().database, state=state)
    ]
    return templates.TemplateResponse(request, "changes.html", {"changes": views}, headers=HEADERS)


@router.get("/changes/{change_id}", dependencies=[Depends(password_known)])
def change(request: Request, change_id: int) -> Response:
    """Show how a record fared: why it did not come across, what to do, and every attempt."""
    view = changes.show(bridge().database, change_id)
    if view is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    known = {"change": view, "attempts": changes.attempts(bridge().database, change_id)}
    return templates.TemplateResponse(request, "change.html", known, headers=HEADERS)


def _oslo(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%d.%m.%Y %H:%M:%S}"


templates.env.filters["oslo"] = _oslo
