"""Authentication and authorization: every route either requires a role or declares that it is open to all."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypedDict
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
from web.dependencies import MAX_BIG_ID_DIGITS, MAX_ID_DIGITS, ContainerDep, Form, is_number
from web.security.cookies import SESSION
from web.security.csrf import csrf_token, has_valid_token, is_same_origin
from web.views.templates import preferred_language, render

SAFE_METHODS = {"GET", "HEAD"}
PART = "X-Part"
"""The header with which a page reloads a part of itself."""
CHOOSE_PASSWORD = "/account/password"  # noqa: S105 - a path
SET_UP_FACTOR = "/account/second-factor"
SIGN_OUT = "/sign-out"
MAX_URL_LENGTH = 1000
"""Maximum length of a URL, so that it fits into a cookie."""


def current_session(request: Request, container: ContainerDep) -> UserSession | None:
    token = SESSION.read(request)
    if not token:
        return None
    by_itself = request.method == "GET" and PART in request.headers  # a page reloads itself with GET only
    return sessions.find(container.database, token, now=container.clock(), by_itself=by_itself)


@dataclass(frozen=True)
class GuestContext:
    """The context of a page that is open to all; ``session`` is None if no user is signed in."""

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
    def required_step(self) -> str:
        """The page that this user must complete before any other; empty if there is none."""
        if self.session is None or self.session.by_openid:
            return ""
        user, required = self.session.user, self.container.settings.require_second_factor
        if user.password_is_temporary:
            return CHOOSE_PASSWORD
        return SET_UP_FACTOR if required and user.is_administrator and not user.has_factor else ""

    def render(self, template: str, *, status: int | None = None, **values: object) -> HTMLResponse:
        """Render a page in the language of the signed-in user, or in ``language`` before sign-in.

        The default ``status`` is 422 for a page with ``errors``, otherwise 200.
        """
        user, asked = self.current_user, values.pop("language", None)
        guessed = asked if isinstance(asked, Language) else preferred_language(self.request)
        language = user.language if user else guessed
        token = csrf_token(SESSION.read(self.request)) if user else ""
        known = {
            "path": self.request.url.path,
            "current_user": user,
            "csrf_token": token,
            "required_step": self.required_step,
            "now": self.container.shared_clock.extrapolated(),
            "version": self.container.version,
            "sandbox": self.container.sandbox,
        }
        default = 422 if values.get("errors") else 200
        return HTMLResponse(render(template, language, **(known | values)), status or default)


class ActorInfo(TypedDict):
    actor: str
    session_id: int
    now: datetime


@dataclass(frozen=True)
class UserContext(GuestContext):
    """The context of a page that requires a role; ``actor`` is the user in the audit log."""

    session: UserSession

    @property
    def current_user(self) -> User:
        return self.session.user

    @property
    def actor(self) -> str:
        return self.current_user.email

    @property
    def as_actor(self) -> ActorInfo:
        return {"actor": self.actor, "session_id": self.session.id, "now": self.now}

    @property
    def scope(self) -> Scope:
        return self.current_user.scope

    def redirect(self, url: str, code: str = "", *, count: int = 0, undo: str = "") -> RedirectResponse:
        """Redirect to one of our pages, which shows a notice once; ``code`` is one that the page knows."""
        if code:
            notice = Notice(path=urlsplit(url).path, code=code, count=count, undo=undo)
            sessions.leave_notice(self.database, self.session.id, notice)
        return RedirectResponse(url, status.HTTP_303_SEE_OTHER)

    def take_notice(self, *, keep: bool = False) -> Notice:
        """Return the notice that this page shows once, with an empty code if there is none.

        A page that reloads itself until something is done has to ``keep`` the notice until then.
        """
        path, left = self.request.url.path, self.session.notice
        taken = None
        if left and left["path"] == path and PART not in self.request.headers:
            taken = Notice(**left) if keep else sessions.take_notice(self.database, self.session.id, path=path)
        return taken or Notice(path=path, code="")


Guest = Annotated[GuestContext, Depends()]


@dataclass(frozen=True)
class RequireRole:
    """Admits users with at least ``role``: ``everywhere``, or for the connection in the path.

    Users who are not signed in are sent to sign in, and users who must do something first to that page. Pages that
    a user may not see do not exist for them: 404. A form without proof that it is from one of our pages gets 403.

    The form is read first: it may take a while to arrive, and the user's rights after that count.
    """

    role: Role
    everywhere: bool = False

    async def __call__(self, form: Form, guest: Guest) -> UserContext:
        request, session = guest.request, guest.session
        if session is None:
            raise _redirect_via("/sign-in", request)
        if guest.required_step and request.url.path not in (SIGN_OUT, guest.required_step):
            raise _redirect_via(guest.required_step, request)
        current_user = session.user
        allowed = current_user.rights.role.covers(self.role) and _may_see(current_user, request.path_params)
        if not allowed or (self.everywhere and current_user.scope.connections is not None):
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        if request.method not in SAFE_METHODS and not has_valid_token(request, form, SESSION.read(request)):
            raise HTTPException(status.HTTP_403_FORBIDDEN)
        return UserContext(request=request, container=guest.container, session=session)


Reader = Annotated[UserContext, Depends(RequireRole(Role.VIEWER))]
Operator = Annotated[UserContext, Depends(RequireRole(Role.OPERATOR))]
Administrator = Annotated[UserContext, Depends(RequireRole(Role.ADMINISTRATOR))]
"""An administrator of the connections that they see, perhaps a single one."""
AdministratorEverywhere = Annotated[UserContext, Depends(RequireRole(Role.ADMINISTRATOR, everywhere=True))]


async def allow_all() -> None:
    """Admit everyone, signed in or not."""


Open = Depends(allow_all)
"""Declares a router open to all: ``APIRouter(dependencies=[Open])``."""


def _may_see(current_user: User, named: Mapping[str, str]) -> bool:
    """Return whether the ids in a path are valid, and the user may see its connection."""
    digits = {"connection_id": MAX_ID_DIGITS, "user_id": MAX_ID_DIGITS}
    ids = {name: value for name, value in named.items() if name.endswith("_id")}
    if not all(is_number(each, digits=digits.get(name, MAX_BIG_ID_DIGITS)) for name, each in ids.items()):
        return False
    return "connection_id" not in named or current_user.scope.allows(int(named["connection_id"]))


def local_url(url: str) -> str:
    """Return the URL if it is one of our pages; the overview for any other."""
    is_local = url.startswith("/") and not url.startswith("//") and "\\" not in url
    return url if is_local and url.isprintable() and len(url) <= MAX_URL_LENGTH else "/"


def with_next(path: str, url: str) -> str:
    """Return the URL of a page that continues at ``url`` afterwards."""
    return path if url == "/" else f"{path}?next={quote(url)}"


def _redirect_via(path: str, request: Request) -> HTTPException:
    """Return the redirect to a page that continues at the requested one, or at the page of a posted form."""
    page = request.url
    if request.method not in SAFE_METHODS:
        page = URL("/")
        with suppress(ValueError):  # never sent by a browser
            page = URL(urlsplit(request.headers.get("Referer", "/")).geturl()) if is_same_origin(request) else page
    query = f"?{page.query}" if page.query else ""
    location = with_next(path, local_url(page.path + query))
    return HTTPException(status.HTTP_303_SEE_OTHER, headers={"Location": location})
