"""Who is asking, and what they may: every route either asks for a role or says that it is open to all."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import URL

from i18n.catalog import Language
from models.admin.operations import Operations
from models.connections.repository import Connections
from models.database import Database
from models.enums import Role, Scope
from models.users import sessions
from models.users.repository import User
from models.users.sessions import Notice, UserSession
from web.dependencies import ContainerDep, Form
from web.security.cookies import SESSION
from web.security.csrf import csrf_token, has_valid_token, is_same_origin
from web.views.templates import preferred_language, render

READING = {"GET", "HEAD"}
PART = "X-Part"
"""The header by which a page looks again for a part of itself."""
CHOOSE_PASSWORD = "/account/password"  # noqa: S105 - a path
SET_UP_FACTOR = "/account/second-factor"
SIGN_OUT = "/sign-out"
MAX_URL_LENGTH = 1000
"""So that an address fits into a cookie."""
SHORT_DIGITS, LONG_DIGITS = 9, 18
"""What PostgreSQL's integer and bigint hold in any case."""


def current_session(request: Request, container: ContainerDep) -> UserSession | None:
    token = SESSION.read(request)
    if not token:
        return None
    by_itself = PART in request.headers
    return sessions.find(container.database, token, now=container.clock(), by_itself=by_itself)


@dataclass(frozen=True)
class GuestContext:
    """What a page works with that is open to all; ``session`` is None where nobody is signed in."""

    request: Request
    container: ContainerDep
    session: Annotated[UserSession | None, Depends(current_session)]

    @property
    def current_user(self) -> User | None:
        return self.session.user if self.session else None

    @property
    def now(self) -> datetime:
        return self.container.clock()

    @property
    def database(self) -> Database:
        return self.container.database

    @property
    def connections(self) -> Connections:
        return self.container.connections

    @property
    def operations(self) -> Operations:
        return self.container.operations

    @property
    def step_due(self) -> str:
        """The page with what this person must do before anything else; empty where there is nothing."""
        if self.session is None or self.session.by_openid:
            return ""
        user, required = self.session.user, self.container.settings.require_second_factor
        if user.password_is_temporary:
            return CHOOSE_PASSWORD
        return SET_UP_FACTOR if required and user.is_administrator and not user.has_factor else ""

    def render(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Make a page, in the language of who is signed in; a ``language`` is that of somebody who is not yet."""
        user, asked = self.current_user, values.pop("language", None)
        guessed = asked if isinstance(asked, Language) else preferred_language(self.request)
        language = user.language if user else guessed
        token = csrf_token(SESSION.read(self.request)) if user else ""
        known = {
            "path": self.request.url.path,
            "current_user": user,
            "csrf_token": token,
            "step_due": self.step_due,
            "now": self.container.shared_clock.at_hand(),
            "version": self.container.version,
            "sandbox": self.container.sandbox,
        }
        return HTMLResponse(render(template, language, **(known | values)), status)


@dataclass(frozen=True)
class UserContext(GuestContext):
    """What a page works with that asks for a role; ``actor`` is who does it, as the audit log has it."""

    session: UserSession

    @property
    def current_user(self) -> User:
        return self.session.user

    @property
    def actor(self) -> str:
        return self.current_user.email

    @property
    def scope(self) -> Scope:
        return self.current_user.scope

    def redirect(self, url: str, code: str = "", *, count: int = 0, undo: str = "") -> RedirectResponse:
        """Lead on to a page of ours, which tells once what was done: ``code`` is one that it knows."""
        if code:
            notice = Notice(path=urlsplit(url).path, code=code, count=count, undo=undo)
            sessions.leave_notice(self.database, self.session.id, notice)
        return RedirectResponse(url, status.HTTP_303_SEE_OTHER)

    def take_notice(self, *, keep: bool = False) -> Notice:
        """Return what this page is to tell once, with an empty code where there is nothing.

        A page that loads itself again until something is done has to ``keep`` it until then.
        """
        path, left = self.request.url.path, self.session.notice
        taken = None
        if left and left["path"] == path and PART not in self.request.headers:
            taken = Notice(**left) if keep else sessions.take_notice(self.database, self.session.id, path=path)
        return taken or Notice(path=path, code="")


Guest = Annotated[GuestContext, Depends()]


@dataclass(frozen=True)
class RequireRole:
    """Lets those through who have at least ``role``: ``everywhere``, or for the connection that the address names.

    Whoever is not signed in is sent to do so, and whoever must do something first to that page. What somebody may
    not do or see is not there: 404. A form that is not proven to come from our own page is refused: 403.

    The form is asked for first: it may take a while to arrive, and what counts is what somebody may do after that.
    """

    role: Role
    everywhere: bool = False

    async def __call__(self, form: Form, guest: Guest) -> UserContext:
        request, session = guest.request, guest.session
        if session is None:
            raise HTTPException(status.HTTP_303_SEE_OTHER, headers={"Location": _back_from("/sign-in", request)})
        if guest.step_due and request.url.path not in (SIGN_OUT, guest.step_due):
            raise HTTPException(
                status.HTTP_303_SEE_OTHER, headers={"Location": _back_from(guest.step_due, request)}
            )
        current_user = session.user
        allowed = current_user.rights.role.covers(self.role) and _may_see(current_user, request.path_params)
        if not allowed or (self.everywhere and current_user.scope.connections is not None):
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        if request.method not in READING and not has_valid_token(request, form, SESSION.read(request)):
            raise HTTPException(status.HTTP_403_FORBIDDEN)
        return UserContext(request=request, container=guest.container, session=session)


Reader = Annotated[UserContext, Depends(RequireRole(Role.VIEWER))]
Operator = Annotated[UserContext, Depends(RequireRole(Role.OPERATOR))]
Administrator = Annotated[UserContext, Depends(RequireRole(Role.ADMINISTRATOR))]
"""Of the connections that they see, which may be one."""
AdministratorEverywhere = Annotated[UserContext, Depends(RequireRole(Role.ADMINISTRATOR, everywhere=True))]


async def allow_all() -> None:
    """Let everybody through, signed in or not."""


Open = Depends(allow_all)
"""Marks what is open to all: ``APIRouter(dependencies=[Open])``."""


def _may_see(current_user: User, named: Mapping[str, str]) -> bool:
    """Return whether the ids in an address can be ids at all, and its connection is one that they see."""
    if not all(_is_number(name, value) for name, value in named.items() if name.endswith("_id")):
        return False
    return "connection_id" not in named or current_user.scope.allows(int(named["connection_id"]))


def _is_number(name: str, value: str) -> bool:
    limit = SHORT_DIGITS if name in {"connection_id", "user_id"} else LONG_DIGITS
    return value.isascii() and value.isdecimal() and len(value) <= limit


def local_url(address: str) -> str:
    """Return where to go on: within these pages, whatever an address from elsewhere says."""
    within = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if within and address.isprintable() and len(address) <= MAX_URL_LENGTH else "/"


def leading_back(step: str, address: str) -> str:
    """Return the address of a page that comes first and leads on to ``address`` from there."""
    return step if address == "/" else f"{step}?next={quote(address)}"


def _back_from(step: str, request: Request) -> str:
    """Return the same for the page that is asked for, or whose form was sent: it is to be filled in again."""
    page = request.url
    if request.method not in READING:
        page = URL("/")
        with suppress(ValueError):  # what a browser does not send
            page = URL(urlsplit(request.headers.get("Referer", "/")).geturl()) if is_same_origin(request) else page
    query = f"?{page.query}" if page.query else ""
    return leading_back(step, local_url(page.path + query))
