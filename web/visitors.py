"""Who is asking, and what they may: every route either asks for a role or says that it is open to all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, status

from language.catalogue import Language
from models import visits
from models.words import Role, Scope
from web.cookies import SESSION
from web.forms import Form, is_proven, proof
from worker.wiring import bridge, clock

READING = {"GET", "HEAD"}
SHORT_DIGITS, LONG_DIGITS = 9, 18
"""What PostgreSQL's integer and bigint hold in any case."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in; ``csrf`` is what the forms that they are shown carry."""

    id: int
    email: str
    role: Role
    scope: Scope
    language: Language
    csrf: str

    @property
    def operates(self) -> bool:
        """Whether they may try again, close, pause and resume."""
        return self.role.covers(Role.OPERATOR)

    @property
    def administers(self) -> bool:
        """Whether they may change the settings of the connections that they see."""
        return self.role.covers(Role.ADMINISTRATOR)

    @property
    def sees_many(self) -> bool:
        """Whether they see more connections than one, so that lists must say which."""
        return self.scope.connections is None or len(self.scope.connections) > 1

    @property
    def administers_all(self) -> bool:
        """Whether they administer all connections: they may also choose other books without the secret."""
        return self.administers and self.scope.connections is None

    @property
    def manages_users(self) -> bool:
        """Whether they may also change users and add connections: administrators of all connections do."""
        return self.administers_all


def known(request: Request) -> Visitor | None:
    """Tell who is signed in, if anybody is."""
    token = SESSION.read(request)
    visit = visits.find(bridge().database, token, now=clock()) if token else None
    if visit is None:
        return None
    return Visitor(visit.user_id, visit.email, visit.role, visit.scope, visit.language, proof(token))


Guest = Annotated[Visitor | None, Depends(known)]
"""Whoever asks for a page that is open to all."""


class May:
    """Lets those through who have a role, for the connection that the address names if it names one.

    Whoever is not signed in is sent to do so. What somebody may not do or see is not there: 404. A form that is
    not proven to come from our own page is refused: 403.

    Args:
        role: the least one.
        everywhere: whether it must be for all connections.
    """

    def __init__(self, role: Role, *, everywhere: bool = False) -> None:
        self.role = role
        self.everywhere = everywhere

    async def __call__(self, request: Request, visitor: Guest, form: Form) -> Visitor:
        """Tell who it is."""
        if visitor is None:
            raise HTTPException(status.HTTP_303_SEE_OTHER, headers={"Location": _sign_in(request)})
        if not self._allows(visitor) or not _sees(visitor, request.path_params):
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        if request.method not in READING and not is_proven(request, form, SESSION.read(request)):
            raise HTTPException(status.HTTP_403_FORBIDDEN)
        return visitor

    def _allows(self, visitor: Visitor) -> bool:
        return visitor.role.covers(self.role) and not (self.everywhere and visitor.scope.connections is not None)


Reader = Annotated[Visitor, Depends(May(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(May(Role.OPERATOR))]
Administrator = Annotated[Visitor, Depends(May(Role.ADMINISTRATOR))]
"""Of the connections that they see, which may be one."""
AdministratorEverywhere = Annotated[Visitor, Depends(May(Role.ADMINISTRATOR, everywhere=True))]


async def anybody() -> None:
    """Let everybody through, signed in or not."""


Open = Depends(anybody)
"""Marks what is open to all: ``APIRouter(dependencies=[Open])``."""


def _sees(visitor: Visitor, named: Mapping[str, str]) -> bool:
    """Tell whether the ids in an address can be ids at all, and its connection is one that they see."""
    if not all(_is_number(name, value) for name, value in named.items() if name.endswith("_id")):
        return False
    return "connection_id" not in named or visitor.scope.allows(int(named["connection_id"]))


def _is_number(name: str, value: str) -> bool:
    most = SHORT_DIGITS if name in {"connection_id", "user_id"} else LONG_DIGITS
    return value.isascii() and value.isdecimal() and len(value) <= most


def _sign_in(request: Request) -> str:
    """Tell where to sign in, and back from there to a page that was asked for."""
    if request.method not in READING or request.url.path == "/":
        return "/sign-in"
    return f"/sign-in?next={quote(request.url.path + (f'?{request.url.query}' if request.url.query else ''))}"
