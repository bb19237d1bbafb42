import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.session import Login, Session, SessionStore
from models.connections.vault import Vault
from sync.errors import MisconfiguredError, UnavailableError
from sync.records import Identity
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import Remote, faults, says, value_of

IDENTITY = (
    "<Identity><Id>{}</Id><Client><Id>{}</Id><Name>{}</Name></Client>{}<IsDisabled>{}</IsDisabled></Identity>"
)
FLAGS = "<IsCurrent>false</IsCurrent><IsDefault>false</IsDefault><IsProtected>false</IsProtected>"
DEMO, FJORD, GAMMEL = "identity-1", "identity-2", "identity-3"


def reads(session: Session) -> object:
    return session.call("Account", "GetTypeList")


def lets_in(*session_ids: str) -> list[Answer]:
    return [says("Login", session_id) for session_id in session_ids]


def knows(session_id: str) -> Answer:
    """Answer those who come with this session, and refuse all others."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        known = handler.headers.get("Cookie") == f"ASP.NET_SessionId={session_id}"
        (says("GetTypeList", "") if known else faults("Session is not authenticated"))(handler)

    return answer


def reaches(*identities: tuple[str, str, str], client_number: int = 1) -> Answer:
    listed = (IDENTITY.format(id_, client_number, name, FLAGS, disabled) for id_, name, disabled in identities)
    return says("GetIdentitiesWithCredential", "".join(listed))


def error_of(session: Session) -> MisconfiguredError:
    with pytest.raises(MisconfiguredError) as raised:
        reads(session)
    return raised.value


def test_all_workers_share_one_session(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("first", "second"), "GetTypeList": [knows("first")]}
    for _ in range(3):
        reads(Session(login, client=client, store=store))
    assert (remote.times("Login"), remote.times("HasSession"), remote.times("GetTypeList")) == (1, 0, 3)
    assert value_of("IdentityId", remote.asked[0].body) == DEMO


@pytest.mark.parametrize("other", ["application_id", "username", "password", "identity_id", "host"])
def test_any_different_credential_has_another_session(
    other: str, remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("first", "second"), "GetTypeList": [knows("first"), knows("second")]}
    reads(Session(login, client=client, store=store))
    if other == "host":
        client.api_url = client.api_url.replace("127.0.0.1", "localhost")
    else:
        changed: Any = {other: SecretStr("another") if other == "password" else "another"}
        login = replace(login, **changed)
    reads(Session(login, client=client, store=store))
    assert remote.times("Login") == 2


def test_logins_and_identities_have_separate_sessions(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("one", "two", "three"), "GetTypeList": [says("GetTypeList", "")]}
    for each in (login, replace(login, identity_id=FJORD), replace(login, username="other@example.com")):
        reads(Session(each, client=client, store=store))
    assert [asked.cookie.partition("=")[2] for asked in remote.asked if asked.cookie] == ["one", "two", "three"]


def test_a_wrong_password_finds_no_session_and_the_right_one_keeps_its_own(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("first", ""), "GetTypeList": [knows("first")]}
    reads(Session(login, client=client, store=store))
    wrong = Session(replace(login, password=SecretStr("wrong")), client=client, store=store)
    assert error_of(wrong).error_code == "login_refused"
    assert [value_of("Password", asked.body) for asked in remote.asked if asked.operation == "Login"] == [
        "demo-password",
        "wrong",
    ]
    assert remote.times("GetTypeList") == 1
    reads(Session(login, client=client, store=store))
    assert remote.times("Login") == 2


def test_reading_redis_reveals_no_session_or_login(remote: Remote, session: Session, redis: Redis) -> None:
    remote.answers = {"Login": lets_in("first"), "GetTypeList": [knows("first")]}
    reads(session)
    lying = b"".join([key + (redis.get(key) or b"") for key in redis.scan_iter("twentyfour:session:*")])
    assert lying
    assert not any(secret in lying for secret in (b"first", b"demo@example.com", b"demo-password"))


def test_a_refused_session_is_renewed_and_the_call_repeated(remote: Remote, session: Session) -> None:
    remote.answers = {"Login": lets_in("first", "second"), "GetTypeList": [knows("first"), knows("second")]}
    for _ in range(2):
        reads(session)
    assert (remote.times("Login"), remote.times("GetTypeList")) == (2, 3)


def test_workers_that_meet_the_same_dead_session_renew_it_once(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("first"), "GetTypeList": [knows("first")]}
    sessions = [Session(login, client=client, store=store) for _ in range(6)]
    reads(sessions[0])
    remote.answers = {"Login": lets_in("second", "third"), "GetTypeList": [knows("second")]}
    together = Barrier(len(sessions))
    with ThreadPoolExecutor(len(sessions)) as workers:
        list(workers.map(lambda session: (together.wait(), reads(session)), sessions))
    assert remote.times("Login") == 2


def test_a_session_refused_right_after_the_login_needs_attention(remote: Remote, session: Session) -> None:
    remote.answers = {
        "Login": lets_in("first", "second", "third"),
        "GetTypeList": [faults("Client is not authenticated on this identity")],
    }
    assert error_of(session).error_code == "session_refused"
    assert (remote.times("Login"), remote.times("GetTypeList")) == (2, 2)


def test_a_refused_password_is_not_sent_by_waiting_workers_but_a_new_one_is(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": [*lets_in("", "first")], "GetTypeList": [knows("first")]}
    for _ in range(3):
        assert error_of(Session(login, client=client, store=store)).error_code == "login_refused"
    assert remote.times("Login") == 1
    reads(Session(replace(login, password=SecretStr("corrected")), client=client, store=store))


def test_a_refused_login_is_retried_after_half_an_hour(remote: Remote, session: Session, redis: Redis) -> None:
    remote.answers = {"Login": lets_in("", "first"), "GetTypeList": [knows("first")]}
    error_of(session)
    assert "It's retried in 30 minutes" in error_of(session).message
    (refusal,) = redis.keys("twentyfour:session:*:refused")
    assert 29 * 60 < redis.ttl(refusal) <= 30 * 60
    redis.delete(refusal)
    reads(session)


def test_a_refused_login_without_a_client_asks_once_which_clients_it_reaches(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {
        "GetIdentitiesWithCredential": [reaches(), reaches((DEMO, "Demo AS", "false"))],
        "Login": lets_in("first"),
        "GetTypeList": [knows("first")],
    }
    undecided = replace(login, identity_id="")
    for _ in range(3):
        assert error_of(Session(undecided, client=client, store=store)).error_code == "login_refused"
    assert remote.times("GetIdentitiesWithCredential") == 1
    session = Session(undecided, client=client, store=store)
    assert session.identities()  # a person has the connection tested
    reads(session)


def test_an_earlier_refusal_does_not_refuse_a_password_that_is_right_now(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {
        "Login": lets_in("", "first"),
        "GetIdentitiesWithCredential": [reaches((DEMO.upper(), "Demo AS", "false"))],
        "GetTypeList": [knows("first")],
    }
    assert error_of(Session(login, client=client, store=store)).error_code == "login_refused"
    session = Session(login, client=client, store=store)
    session.identities()
    reads(session)


def test_a_refused_login_leaves_no_session_behind(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("first", ""), "GetTypeList": [knows("first")]}
    reads(Session(login, client=client, store=store))
    remote.answers["GetTypeList"] = [faults("Session is not authenticated"), knows("first")]
    for _ in range(2):
        assert error_of(Session(login, client=client, store=store)).error_code == "login_refused"


def test_a_blocked_or_malformed_login_needs_attention(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    blocked = faults("The login failed. ---&gt; The provided IdentityId is blocked")
    malformed = faults("Instance validation error: no guid", code="soap:Client")
    strange = faults("The login failed. ---&gt; The provided IdentityId does not belong to the user")
    remote.answers["Login"] = [blocked, malformed, strange]
    sessions = [Session(replace(login, username=each), client=client, store=store) for each in "abc"]
    refused = ["identity_blocked", "login_refused", "identity"]
    assert [error_of(session).error_code for session in sessions] == refused
    assert [error_of(session).error_code for session in sessions] == refused  # without being tried again
    assert remote.times("Login") == 3


def test_the_only_usable_client_is_found_automatically_and_once(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {
        "GetIdentitiesWithCredential": [reaches((DEMO, "Demo AS", "false"), (GAMMEL, "Gammel AS", "true"))],
        "Login": lets_in("first"),
        "GetTypeList": [knows("first")],
    }
    session = Session(replace(login, identity_id=""), client=client, store=store)
    for each in (session.for_polls(), session, session.for_polls()):
        reads(each)
    assert session.identity_id() == DEMO
    assert remote.times("GetIdentitiesWithCredential") == 1


def test_of_several_clients_only_the_count_is_shown_unless_requested(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers["GetIdentitiesWithCredential"] = [
        reaches((DEMO, "Demo AS", "false"), (FJORD, "Fjord AS", "false"), (GAMMEL, "Gammel AS", "true"))
    ]
    session = Session(replace(login, identity_id=""), client=client, store=store)
    error = error_of(session)
    assert "The user has access to 2 clients in 24SevenOffice" in error.message
    assert not [told for told in (DEMO, FJORD, "Demo AS", "Fjord AS") if told in error.message + error.remedy]
    assert session.identities() == [
        Identity(DEMO, "Demo AS", client_number=1),
        Identity(FJORD, "Fjord AS", client_number=1),
        Identity(GAMMEL, "Gammel AS", usable=False, client_number=1),
    ]
    assert remote.times("Login") == 0


def test_a_login_that_reaches_no_client_needs_attention(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers["GetIdentitiesWithCredential"] = [reaches()]
    session = Session(replace(login, identity_id=""), client=client, store=store)
    assert error_of(session).error_code == "login_refused"


def test_a_session_encrypted_with_a_removed_key_is_replaced(
    remote: Remote, login: Login, client: SoapClient, redis: Redis
) -> None:
    remote.answers = {"Login": lets_in("first", "second"), "GetTypeList": [says("GetTypeList", "")]}
    for _ in range(2):
        vault = Vault([SecretStr(Fernet.generate_key().decode())])
        reads(Session(login, client=client, store=SessionStore(redis, vault, login_seconds=5)))
    assert remote.times("Login") == 2


def test_a_new_key_costs_one_login_and_opens_nothing(
    remote: Remote, login: Login, client: SoapClient, redis: Redis
) -> None:
    remote.answers = {"Login": lets_in("old", "new", ""), "GetTypeList": [says("GetTypeList", "")]}
    old, new = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))
    for keys in ([old], [new, old], [new, old], [new], [old]):  # before, meanwhile, after, and one that lags
        reads(Session(login, client=client, store=SessionStore(redis, Vault(keys), login_seconds=5)))
    assert remote.times("Login") == 2
    rotated = SessionStore(redis, Vault([new, old]), login_seconds=5)
    wrong = Session(replace(login, password=SecretStr("wrong")), client=client, store=rotated)
    assert error_of(wrong).error_code == "login_refused"


def test_a_session_moved_within_redis_is_not_used(
    remote: Remote, login: Login, client: SoapClient, redis: Redis, store: SessionStore
) -> None:
    remote.answers = {"Login": lets_in("mine", "theirs"), "GetTypeList": [says("GetTypeList", "")]}
    reads(Session(login, client=client, store=store))
    (mine,) = redis.scan_iter("twentyfour:session:*")
    others = replace(login, username="other@example.com", password=SecretStr("other"))
    reads(Session(others, client=client, store=store))
    (theirs,) = set(redis.scan_iter("twentyfour:session:*")) - {mine}
    redis.copy(theirs, mine, replace=True)
    reads(Session(login, client=client, store=store))
    assert remote.times("Login") == 3


def test_without_redis_there_is_no_login(remote: Remote, login: Login, client: SoapClient) -> None:
    with Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0)) as away:
        store = SessionStore(away, Vault([SecretStr(Fernet.generate_key().decode())]), login_seconds=5)
        with pytest.raises(UnavailableError):
            reads(Session(login, client=client, store=store))
    assert remote.asked == []


def test_a_login_in_flight_is_used_only_by_its_caller(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore, redis: Redis
) -> None:
    remote.answers = {"Login": lets_in("first", "second"), "GetTypeList": [knows("first"), knows("first")]}
    session = Session(login, client=client, store=store, is_current=lambda: False)
    reads(session)
    reads(session)
    assert (remote.times("Login"), redis.keys("twentyfour:session:*")) == (1, [])


def test_a_session_is_forgotten_after_the_login_that_is_in_flight(store: SessionStore, redis: Redis) -> None:
    name, begun, ends = store.name_of("any"), threading.Event(), threading.Event()

    def log_in() -> str:
        begun.set()
        ends.wait(5)
        return "first"

    worker = threading.Thread(target=lambda: store.renew(name, expired="", log_in=log_in, keeps=lambda _: True))
    worker.start()
    begun.wait(5)
    threading.Timer(0.3, ends.set).start()
    store.forget(name)
    worker.join(5)
    assert redis.keys("twentyfour:session:*") == []


def test_another_processs_session_is_ended_without_asking_for_its_client(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore, redis: Redis
) -> None:
    remote.answers = {
        "GetIdentitiesWithCredential": [reaches((DEMO, "Demo AS", "false"))],
        "Login": lets_in("first"),
        "GetTypeList": [knows("first")],
    }
    open_login = replace(login, identity_id="")
    reads(Session(open_login, client=client, store=store))
    Session(open_login, client=client, store=store).log_out()
    assert (remote.times("GetIdentitiesWithCredential"), redis.keys("twentyfour:session:*")) == (1, [])


def test_each_login_checks_its_client_before_any_call(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {
        "Login": lets_in("first", "second"),
        "GetIdentitiesWithCredential": [
            reaches((DEMO, "Demo AS", "false"), client_number=7),
            reaches((DEMO, "Demo AS", "false"), client_number=8),
        ],
        "GetTypeList": [knows("first"), knows("first"), knows("second")],
    }
    seen: list[int] = []

    def verify(number: int) -> None:
        seen.append(number)
        if number != 7:
            raise MisconfiguredError("another client", error_code="other_client")

    for _ in range(2):
        reads(Session(login, client=client, store=store, verify_client=verify))
    assert (seen, remote.times("GetIdentitiesWithCredential")) == ([7, 7], 1)
    session = Session(login, client=client, store=store, verify_client=verify)
    for _ in range(2):
        assert error_of(session).error_code == "other_client"
    assert (seen[2:], remote.times("Login"), remote.times("GetTypeList")) == ([7, 8, 8], 2, 3)


def test_a_client_without_a_number_cannot_be_verified(
    remote: Remote, login: Login, client: SoapClient, store: SessionStore
) -> None:
    remote.answers = {
        "Login": lets_in("first"),
        "GetIdentitiesWithCredential": [reaches((DEMO, "Demo AS", "false"), client_number=0)],
        "GetTypeList": [knows("first")],
    }
    reads(Session(login, client=client, store=store, verify_client=lambda number: pytest.fail(str(number))))
