"""The sessions, and what an operation gets of the call that it answers."""

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
    """A login's session, and when it was last used."""

    login: Login
    identity: Identity
    used: datetime


class Sessions:
    """The open sessions."""

    def __init__(self) -> None:
        self.patience = SessionTimeout()
        self._open: dict[str, Session] = {}

    def start(self, login: Login, identity: Identity, *, now: datetime) -> str:
        """Start a session for a login and return its id."""
        session_id = uuid4().hex[:24]
        self._open[session_id] = Session(login, identity, now)
        return session_id

    def find(self, session_id: str, *, now: datetime) -> Session | None:
        """Return a session that has not been idle for too long."""
        session = self._open.get(session_id)
        if session is None or now - session.used > timedelta(seconds=self.patience.idle):
            return None
        session.used = now
        return session

    def forget(self, session_id: str) -> None:
        """End a session."""
        self._open.pop(session_id, None)

    def forget_all(self) -> None:
        """End every session."""
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
        """The session of the call, if it is valid."""
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


def needed(request: Fields, name: str) -> Value:
    """Return a part of the request that the schema lets callers omit but the vendor's code requires.

    Raises:
        SoapFaultError: it is missing.
    """
    if name not in request:
        raise SoapFaultError("Object reference not set to an instance of an object.")
    return request[name]
