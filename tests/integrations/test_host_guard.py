"""A process whose host answers no connection: real clients, and a server that accepts calls and is silent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest
import requests
from pydantic import SecretStr
from redis import Redis

from integrations.host_guard import LOOK_SECONDS, SILENT_CALLERS, HostGuard, HostSilentError, Timeout
from integrations.moment.client import MomentClient, MomentSite
from integrations.twentyfour.budget import Budget, Limits
from integrations.twentyfour.client import SoapClient
from sync.errors import HeldBackError, OutcomeUnknownError, UnavailableError
from tests.installation import eventually
from tests.integrations.moment import remote as moment_remote
from tests.integrations.twentyfour import remote as twentyfour_remote

URL, USUAL = "https://moment.example/api", (10.0, 60.0)
SAVE, PROJECT = ("Project", "SaveProject"), {"Id": 7, "NameDisplay": "Plain", "TimeReg": "WorkType"}
ENOUGH = list(map(str, range(SILENT_CALLERS)))
"""Connections that are enough to consider a host silent."""


class Gate:
    """Blocks all responses until it is opened."""

    def __init__(self) -> None:
        self.open = Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if self.open.wait(10):
            moment_remote.says({"id": 7})(handler)
        else:
            handler.close_connection = True


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def moment() -> Iterator[moment_remote.Remote]:
    with moment_remote.serving(company="") as remote:
        yield remote


@pytest.fixture
def site(moment: moment_remote.Remote) -> Iterator[MomentSite]:
    site = MomentSite(url=moment.url, record_url="", customer_includes="", connect_seconds=2, answer_seconds=0.2)
    yield site
    site.session.close()


def client_of(site: MomentSite, company: str) -> MomentClient:
    return MomentClient(site, company=company, api_key=SecretStr("key"))


def be_silent(moment: moment_remote.Remote, gate: Gate, *companies: str) -> None:
    for company in companies:
        for method, path in (("GET", "customers/7"), ("POST", "customers")):
            moment.answers[f"{method} /companies/{company}/{path}"] = [gate]


def time_out(site: MomentSite, *companies: str) -> None:
    for company in companies:
        with pytest.raises(UnavailableError, match="didn't respond in time"):
            client_of(site, company).record("customers", "7")


def test_a_silent_host_gets_one_call_at_a_time(moment: moment_remote.Remote, site: MomentSite, gate: Gate) -> None:
    patient = replace(site, answer_seconds=10)
    be_silent(moment, gate, *ENOUGH, "8", "9")
    time_out(site, *ENOUGH)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client_of(patient, "8").record, "customers", "7")
        eventually(lambda: len(moment.asked) == SILENT_CALLERS + 1)
        with pytest.raises(HeldBackError, match="isn't responding to any connection"):
            client_of(patient, "9").create("customers", {"name": "Kari"})
        assert len(moment.asked) == SILENT_CALLERS + 1
        gate.open.set()
        assert waiting.result() == {"id": 7}
    assert client_of(patient, "9").create("customers", {"name": "Kari"}) == "7"


def test_a_read_that_is_answered_lets_all_calls_through_again(
    moment: moment_remote.Remote, site: MomentSite, gate: Gate
) -> None:
    patient = replace(site, answer_seconds=10)
    be_silent(moment, gate, *ENOUGH, "8")
    time_out(site, *ENOUGH)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client_of(patient, "8").record, "customers", "7")
        eventually(lambda: len(moment.asked) == SILENT_CALLERS + 1)
        assert client_of(patient, "9").record("customers", "7") is None  # it looks, and is answered
        assert not client_of(patient, "9").update("customers/7", {"name": "Kari"})  # which Moment does not have
        gate.open.set()
        waiting.result()


def is_held_back(moment: moment_remote.Remote, site: MomentSite, gate: Gate) -> bool:
    """Return whether a write is held back while the call of another connection waits."""
    patient, sent = replace(site, answer_seconds=10), len(moment.asked)
    be_silent(moment, gate, "8")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client_of(patient, "8").record, "customers", "7")
        eventually(lambda: len(moment.asked) == sent + 1)
        try:
            client_of(patient, "9").update("customers/7", {"name": "Kari"})
        except HeldBackError:
            return True
        finally:
            gate.open.set()
            waiting.result()
    return False


def test_one_connection_without_an_answer_holds_no_other_back(
    moment: moment_remote.Remote, site: MomentSite, gate: Gate
) -> None:
    be_silent(moment, gate, "0", "1")
    time_out(site, *["0"] * SILENT_CALLERS, "1", "0")
    assert not is_held_back(moment, site, gate)


def test_an_answer_to_any_connection_in_between_resets_the_count(
    moment: moment_remote.Remote, site: MomentSite, gate: Gate
) -> None:
    be_silent(moment, gate, *ENOUGH)
    time_out(site, *ENOUGH[:-1])
    assert client_of(site, "9").record("customers", "7") is None
    time_out(site, ENOUGH[-1])
    assert not is_held_back(moment, site, gate)


@pytest.fixture
def twentyfour() -> Iterator[twentyfour_remote.Remote]:
    with twentyfour_remote.serving() as remote:
        yield remote


def test_held_calls_to_24sevenoffice_use_no_request_of_the_hour(
    twentyfour: twentyfour_remote.Remote, redis_url: str, gate: Gate
) -> None:
    remote = twentyfour
    with Redis.from_url(redis_url) as redis, ThreadPoolExecutor() as pool:
        remote.answers["SaveProject"] = [gate]
        limits = Limits(per_hour=7000, per_second=1000, connection_percent=75)
        budget = Budget(redis, limits=limits, clock=lambda: datetime.now(UTC))
        client = SoapClient(
            api_url=remote.url, web_url=remote.url, budget=budget, connect_seconds=2, answer_seconds=0.2
        )
        for number in range(1, SILENT_CALLERS + 1):
            with pytest.raises(OutcomeUnknownError):
                client.with_budget(budget.for_connection(number)).call(*SAVE, project=PROJECT)
        client._timeout = (2, 10)  # noqa: SLF001 - the one that waits does so for longer than the test
        patient = client.with_budget(budget.for_connection(8))
        waiting = pool.submit(patient.call, *SAVE, project=PROJECT)
        eventually(lambda: remote.times("SaveProject") == SILENT_CALLERS + 1)
        with pytest.raises(HeldBackError) as held_back:
            client.with_budget(budget.for_connection(9)).call(*SAVE, project=PROJECT)
        assert held_back.value.error_code == "no_connection"
        usage = budget.usage()
        assert usage
        assert usage.events == remote.times("SaveProject") == SILENT_CALLERS + 1
        gate.open.set()
        with pytest.raises(OutcomeUnknownError):
            waiting.result()  # an answer that cannot be read is one


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def silent_guard(clock: Clock) -> HostGuard:
    guard = HostGuard(monotonic=clock)
    for caller in ENOUGH:
        with pytest.raises(requests.ReadTimeout), guard.call(URL, caller=caller, writes=False, timeout=USUAL):
            raise requests.ReadTimeout
    return guard


def given(guard: HostGuard, *, writes: bool = False) -> Timeout | None:
    """Return the timeout of a call that ends at once without a response, None if it is held back."""
    allowed: list[Timeout] = []
    guarded = guard.call(URL, caller="9", writes=writes, timeout=USUAL)
    with suppress(HostSilentError, requests.ReadTimeout), guarded as timeout:
        allowed.append(timeout)
        raise requests.ReadTimeout
    return allowed[0] if allowed else None


def test_beside_the_waiting_call_a_short_read_probes_every_few_seconds() -> None:
    clock = Clock()
    guard = silent_guard(clock)
    with guard.call(URL, caller="8", writes=True, timeout=USUAL) as whole:
        assert whole == USUAL
        assert given(guard, writes=True) is None
        assert [given(guard), given(guard)] == [(LOOK_SECONDS, LOOK_SECONDS), None]
        clock.seconds += LOOK_SECONDS
        assert given(guard) == (LOOK_SECONDS, LOOK_SECONDS)
    assert [given(guard, writes=True), given(guard)] == [USUAL, USUAL]  # that one was answered


def test_a_call_that_began_before_the_last_answer_does_not_count() -> None:
    clock = Clock()
    guard = HostGuard(monotonic=clock)
    calls = [guard.call(URL, caller=caller, writes=False, timeout=USUAL) for caller in ENOUGH]
    for call in calls:
        call.__enter__()
    clock.seconds = 1
    with guard.call(URL, caller="9", writes=False, timeout=USUAL):
        pass
    for call in calls:
        assert not call.__exit__(requests.ReadTimeout, requests.ReadTimeout(), None)
    with guard.call(URL, caller="8", writes=False, timeout=USUAL):
        assert given(guard, writes=True) == USUAL


def test_another_host_is_called_as_usual() -> None:
    guard = silent_guard(Clock())
    with guard.call(URL, caller="8", writes=False, timeout=USUAL):
        assert given(guard, writes=True) is None
        with guard.call("https://24seven.example/x", caller="9", writes=True, timeout=USUAL) as timeout:
            assert timeout == USUAL
