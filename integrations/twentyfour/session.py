"""One session for each login, shared by all workers, because 24SevenOffice throttles repeated logins.

Its id is in Redis, encrypted, under a keyed hash of all credentials. It is used until 24SevenOffice refuses it, as
``HasSession`` would take a request; the first worker that is refused renews it while the others wait.
"""

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from cryptography.fernet import InvalidToken
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from i18n.messages import as_json, from_json, joined, msg
from integrations.twentyfour.client import SoapClient, SoapValue
from integrations.twentyfour.error_mapping import SessionRefusedError
from models.connections.vault import Vault
from sync.engine.client_identity import choose_identity
from sync.error_codes.names import LOGIN_REFUSED, REDIS, SESSION_REFUSED, UNREADABLE
from sync.errors import MisconfiguredError, RejectedError, UnavailableError
from sync.records import Identity

SESSION_ID = re.compile(r"[!-:<-~]{1,500}")  # valid in a cookie, which is sent with each call
PREFIX = "twentyfour:session:2"  # raise the number when values change, because two versions may run side by side
SESSION_SECONDS = 24 * 3600  # longer than a session is valid; removes the sessions of deleted connections
LOGIN_WAIT_SECONDS = 2  # how long a page waits for a login in progress, which is checked again when it is done
REFUSAL_SECONDS = 1800  # how long a refused login is not tried again, because 24SevenOffice may block the user


@dataclass(frozen=True, slots=True)
class Login:
    """A login: ``identity_id`` is the 24SevenOffice client, empty if the login reaches only one."""

    application_id: str
    username: str
    password: SecretStr
    identity_id: str = ""


@contextmanager
def _requiring_redis() -> Iterator[None]:
    """Raise UnavailableError if Redis fails inside."""
    try:
        yield
    except RedisError as error:
        raise UnavailableError(
            msg("The 24SevenOffice sessions in Redis can't be reached."), error_code=REDIS
        ) from error


class SessionStore:
    """The session ids of all logins; one worker logs in at a time, within ``login_seconds``.

    Without Redis, nothing is called: each process would need its own session, and the queue is then down anyway.
    """

    def __init__(self, redis: Redis, vault: Vault, *, login_seconds: float) -> None:
        self._redis = redis
        self._vault = vault
        self._login_seconds = login_seconds

    def name_of(self, *credentials: str) -> str:
        return f"{PREFIX}:{self._vault.keyed_hash(*credentials)}"

    @_requiring_redis()
    def get(self, name: str) -> str:
        """Return a session id, empty if there is none."""
        stored = self._redis.get(name)
        try:
            return self._vault.decrypt(stored.decode() if isinstance(stored, bytes) else "", PREFIX, name)
        except InvalidToken:
            return ""  # there is none, or it is encrypted with a key that was removed

    @_requiring_redis()
    def put(self, name: str, value: str) -> None:
        """Store a session id, or another value, encrypted."""
        self._redis.set(name, self._vault.encrypt(value, PREFIX, name), ex=SESSION_SECONDS)

    @_requiring_redis()
    def renew(self, name: str, *, expired: str, log_in: Callable[[], str], keeps: Callable[[str], bool]) -> str:
        """Replace the refused session id ``expired``, "" for none, by another worker's if that was faster.

        ``log_in`` returns one, and is not called for a while after a MisconfiguredError. ``keeps`` returns whether
        it may be stored. Raises the errors of ``log_in``, or the one that it raised recently.
        """
        with self._lock(name, wait=self._login_seconds):
            current = self.get(name)
            if current and current != expired:
                return current
            self._redis.delete(name)
            with self.remembering_refusal(name):
                fresh = log_in()
            if keeps(fresh):
                self.put(name, fresh)
            return fresh

    @contextmanager
    def remembering_refusal(self, name: str) -> Iterator[None]:
        """Guard a login. Raises the previous error if the login, by its name, was refused recently."""
        self._raise_stored_refusal(name)
        try:
            yield
        except MisconfiguredError as error:
            values = {
                "error_code": error.error_code,
                "message": as_json(error.message),
                "remedy": as_json(error.remedy),
            }
            stored = self._vault.encrypt(json.dumps(values), PREFIX, _refusal(name))
            with _requiring_redis():
                self._redis.set(_refusal(name), stored, ex=REFUSAL_SECONDS)
            raise

    @_requiring_redis()
    def _raise_stored_refusal(self, name: str) -> None:
        stored, seconds = self._redis.get(_refusal(name)), self._redis.ttl(_refusal(name))
        try:
            encrypted = stored.decode() if isinstance(stored, bytes) else ""
            values = json.loads(self._vault.decrypt(encrypted, PREFIX, _refusal(name)))
        except InvalidToken:
            return  # there is none, or it is encrypted with a key that was removed
        again = msg(
            "It's retried in {minutes} minutes, or immediately if you change it or test the connection.",
            minutes=max(1, -(-int(seconds) // 60)),
        )
        message, error_code = joined(from_json(values["message"]), again, between=" "), values["error_code"]
        raise MisconfiguredError(message, error_code=error_code, remedy=from_json(values["remedy"]))

    @_requiring_redis()
    def forget(self, name: str) -> None:
        """Delete a session and the refusal of its login, after a short wait for a login in progress."""
        with suppress(LockError), self._lock(name, wait=LOGIN_WAIT_SECONDS):
            pass  # a login that was in progress has stored its session now
        self._redis.delete(name, _refusal(name), _client(name))

    def client_number(self, name: str, session_id: str, *, ask: Callable[[], int]) -> int:
        """Return the number of a session's client, requested once for all workers that share the session."""
        known_session, _, number = self.get(_client(name)).partition(" ")
        if known_session == session_id:
            return int(number)
        found = ask()
        if self.get(name) == session_id:
            self.put(_client(name), f"{session_id} {found}")
        return found

    @_requiring_redis()
    def forget_refusals(self, names: Sequence[str]) -> None:
        """Delete the refusals of logins that 24SevenOffice now accepts."""
        self._redis.delete(*map(_refusal, names))

    def _lock(self, name: str, *, wait: float) -> Lock:
        seconds = self._login_seconds
        lock: Lock = self._redis.lock(
            f"{name}:lock", timeout=seconds, blocking_timeout=wait, sleep=0.05, raise_on_release_error=False
        )
        return lock


class Session:
    """Calls to 24SevenOffice with one login; unless it ``is_current``, its session is not shared.

    ``verify_client`` is called with the number of the session's client, if returned, before any other call.
    """

    def __init__(
        self,
        login: Login,
        *,
        client: SoapClient,
        store: SessionStore,
        is_current: Callable[[], bool] = lambda: True,
        verify_client: Callable[[int], None] | None = None,
    ) -> None:
        self._login = login
        self._client = client
        self._store = store
        self._is_current = is_current
        self._verify_client = verify_client
        # Shared by the copies, as the locks are. ``session_id`` is a session that is not shared, and ``verified``
        # one whose client is the right one.
        self._state = {"identity_id": login.identity_id, "session_id": "", "verified": ""}
        self._choosing, self._verifying = threading.Lock(), threading.Lock()

    def for_polls(self) -> Self:
        twin = copy.copy(self)
        twin._client = self._client.for_polls()  # noqa: SLF001 - a copy of itself
        return twin

    def call(self, service: str, operation: str, /, **arguments: object) -> SoapValue:
        """Call an operation in a session. Raises MisconfiguredError if it is refused right after a login."""
        name = self._name(self.identity_id())
        session_id = self._store.get(name) or self._state["session_id"] or self._renew(name, expired="")
        self._verify(name, session_id)
        try:
            return self._client.call(service, operation, session_id=session_id, **arguments)
        except SessionRefusedError:
            session_id = self._renew(name, expired=session_id)
        self._verify(name, session_id)
        try:
            return self._client.call(service, operation, session_id=session_id, **arguments)
        except SessionRefusedError as error:
            raise MisconfiguredError(
                msg("24SevenOffice accepts the sign-in but not the request. {said}", said=error.message),
                error_code=SESSION_REFUSED,
            ) from error

    def identities(self) -> Sequence[Identity]:
        """Return the clients that the login reaches (GetIdentitiesWithCredential); needs no session."""
        found = self._authenticate("GetIdentitiesWithCredential") or []
        if found:
            self._store.forget_refusals([self._name(each) for each in ("", *(each.Id for each in found))])
        return [_identity(each) for each in found]

    def identity_id(self) -> str:
        """Return the client that calls are made in. Raises MisconfiguredError if that is ambiguous."""
        with self._choosing:
            if not self._state["identity_id"]:
                with self._store.remembering_refusal(self._name("")):
                    identity_id = choose_identity(self.identities(), "").id
                self._store.put(self._name(""), self._name(identity_id))
                self._state["identity_id"] = identity_id
            return self._state["identity_id"]

    def log_out(self) -> None:
        """Delete the session, also of a client that another process chose. Raises UnavailableError."""
        without_client, identity_id = self._name(""), self._state["identity_id"]
        if name := self._name(identity_id) if identity_id else self._store.get(without_client):
            self._store.forget(name)
        self._store.forget(without_client)

    def client_hash(self) -> str:
        """Return a hash of the client and the login, so that cached data is found only with both."""
        return self._name(self.identity_id()).rpartition(":")[2]

    def _name(self, identity_id: str) -> str:
        login = self._login
        password = login.password.get_secret_value()
        return self._store.name_of(
            self._client.api_url, login.application_id, login.username, password, identity_id.lower()
        )

    def _renew(self, name: str, *, expired: str) -> str:
        if not self._login.identity_id:
            self._store.put(self._name(""), name)
        return self._store.renew(name, expired=expired, log_in=self._log_in, keeps=self._keeps)

    def _keeps(self, session_id: str) -> bool:
        is_current = self._is_current()
        self._state["session_id"] = "" if is_current else session_id
        return is_current

    def _verify(self, name: str, session_id: str) -> None:
        """Verify the client of each session once, before any other call in it."""
        if self._verify_client is None or self._state["verified"] == session_id:
            return
        with self._verifying:
            if self._state["verified"] == session_id:
                return

            def ask() -> int:
                return choose_identity(self.identities(), self.identity_id()).client_number

            if number := self._store.client_number(name, session_id, ask=ask):
                self._verify_client(number)
            self._state["verified"] = session_id

    def _log_in(self) -> str:
        session_id = str(self._authenticate("Login", IdentityId=self.identity_id()) or "")
        if not session_id:
            raise MisconfiguredError(
                msg("24SevenOffice rejected the user name or password."),
                error_code=LOGIN_REFUSED,
            )
        if not SESSION_ID.fullmatch(session_id):
            raise UnavailableError(msg("24SevenOffice returned an unusable session."), error_code=UNREADABLE)
        return session_id

    def _authenticate(self, operation: str, **identity: str) -> SoapValue:
        credential = {
            "ApplicationId": self._login.application_id,
            "Username": self._login.username,
            "Password": self._login.password.get_secret_value(),
            **identity,
        }
        try:
            return self._client.call("Authenticate", operation, credential=credential)
        except (RejectedError, SessionRefusedError) as error:
            raise MisconfiguredError(
                msg("24SevenOffice rejected the sign-in. {said}", said=error.message),
                error_code=LOGIN_REFUSED,
                remedy=msg("Correct the user name, password and client in the connection's settings."),
            ) from error


class CachedReader:
    """Reads cached data, one thread at a time, so that the threads do not read the same data."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reading = threading.Lock()

    def with_session(self, session: Session) -> Self:
        """Return the same reader with the same cache and another session."""
        twin = copy.copy(self)
        twin._session = session  # noqa: SLF001 - a copy of itself
        return twin


def _identity(value: SoapValue) -> Identity:
    client = value.Client
    return Identity(
        value.Id,
        client.Name if client else "",
        usable=not value.IsDisabled,
        client_number=client.Id or 0 if client else 0,
    )


def _refusal(name: str) -> str:
    return f"{name}:refused"


def _client(name: str) -> str:
    return f"{name}:client"
