"""The Authenticate service: logins, sessions, and what an operation gets of its call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from pydantic import BaseModel, Field

from sandbox.twentyfour.limits import Allowance
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Client, Fields, Identity, Login, State, Value

COOKIE = "ASP.NET_SessionId"


class SessionTimeout(BaseModel):
    """How long an idle session lives, in seconds; ASP.NET's default is 20 minutes."""

    idle: float = Field(default=1200, gt=0)


@dataclass
class Session:
    login: Login
    identity: Identity
    used: datetime


class Sessions:
    def __init__(self) -> None:
        self.timeout = SessionTimeout()
        self._open: dict[str, Session] = {}

    def start(self, login: Login, identity: Identity, *, now: datetime) -> str:
        session_id = uuid4().hex[:24]
        self._open[session_id] = Session(login, identity, now)
        return session_id

    def find(self, session_id: str, *, now: datetime) -> Session | None:
        session = self._open.get(session_id)
        if session is None or now - session.used > timedelta(seconds=self.timeout.idle):
            return None
        session.used = now
        return session

    def forget(self, session_id: str) -> None:
        self._open.pop(session_id, None)

    def forget_all(self) -> None:
        self._open.clear()


@dataclass
class ServiceCall:
    """One call, as an operation sees it. ``session_id`` is its own, or the one that Login gives it."""

    state: State
    sessions: Sessions
    session_id: str
    now: datetime
    allowance: Allowance

    @property
    def session(self) -> Session | None:
        return self.sessions.find(self.session_id, now=self.now)

    @property
    def client(self) -> Client:
        """The client of the session.

        Raises:
            SoapFaultError: there is no such session, or its user has been blocked since.
        """
        session = self.session
        if session is None:
            raise SoapFaultError("Session is not authenticated")
        if session.login.blocked or session.identity.disabled:
            raise SoapFaultError("Client is not authenticated on this identity")
        return self.state.clients[session.identity.client]


Matchers = dict[str, Callable[[Value], bool]]
"""For each search parameter, whether a record matches its value."""


def matches_all(matchers: Matchers, wanted: Fields) -> bool:
    """Return whether a record matches all given search parameters."""
    return all(matches(wanted[name]) for name, matches in matchers.items() if name in wanted)


def required(request: Fields, name: str) -> Value:
    """Return a part of the request that the schema lets callers omit but the vendor's code requires.

    Raises:
        SoapFaultError: it is missing.
    """
    if name not in request:
        raise SoapFaultError("Object reference not set to an instance of an object.")
    return request[name]


def login(call: ServiceCall, request: Fields) -> str:
    """Start a session; a wrong user name or password is refused with an empty response."""
    found = _authenticate(call, required(request, "credential"))
    if found is None:
        return ""
    identity = _choose_identity(found, request["credential"].get("IdentityId"))
    if found.blocked or identity.disabled:
        raise SoapFaultError("The login failed. ---> The provided IdentityId is blocked or disabled")
    call.session_id = call.sessions.start(found, identity, now=call.now)
    return call.session_id


def has_session(call: ServiceCall, _request: Fields) -> bool:
    return call.session is not None


def get_identities_with_credential(call: ServiceCall, request: Fields) -> list[Fields]:
    """List the clients that a login reaches; none if its user name or password is wrong."""
    found = _authenticate(call, required(request, "credential"))
    return [_as_fields(call, identity, found.username) for identity in found.identities] if found else []


def _authenticate(call: ServiceCall, credential: Fields) -> Login | None:
    found = call.state.logins.get(credential.get("Username", ""))
    return found if found and found.password == credential.get("Password") else None


def _choose_identity(found: Login, identity_id: str | None) -> Identity:
    for identity in found.identities:
        if identity.default if identity_id is None else identity.id == identity_id.lower():
            return identity
    raise SoapFaultError("The login failed. ---> The provided IdentityId does not belong to the user")


def _as_fields(call: ServiceCall, identity: Identity, username: str) -> Fields:
    return {
        "Id": identity.id,
        "User": {"Name": username},
        "Client": {"Id": identity.client, "Name": call.state.clients[identity.client].name},
        "IsCurrent": False,
        "IsDefault": identity.default,
        "IsProtected": False,
        "IsDisabled": identity.disabled,
    }
