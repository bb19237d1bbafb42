import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from fastapi import FastAPI, Request

from sandbox.faults import Faults
from sandbox.moment.app import create_app
from sandbox.moment.record_store import RecordStore
from sandbox.moment.webhooks import WebhookSender
from tests.sandbox.serving import serving

CUSTOMER, PROJECT, DRAFT = 62788973, 62788980, 106939080


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Moment:
    """Moment from outside: its API with the key of the demo company, and its other pages."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def api(
        self, method: str, path: str, *, auth: tuple[str, str] | None = None, timeout: float = 10, **kwargs: Any
    ) -> requests.Response:
        url = f"{self.url}/api/1.0/companies/1001/{path}"
        auth = auth or ("apikey", "moment-demo-key")
        return self._session.request(method, url, auth=auth, timeout=timeout, **kwargs)

    def control(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self._session.request(method, f"{self.url}/{path}", timeout=10, **kwargs)

    def read(self, path: str, **params: str) -> Any:
        """Read with the API; amounts are Decimal."""
        response = self.api("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json(parse_float=Decimal)

    def make(self, resource: str, **values: Any) -> Any:
        response = self.api("POST", resource, json=values)
        assert response.status_code == 201, response.text
        return response.json(parse_float=Decimal)

    def do(self, action: str) -> Any:
        """Do something as a user of the demo company."""
        response = self.control("POST", f"companies/1001/{action}")
        assert response.status_code == 200, response.text
        return response.json(parse_float=Decimal)

    def close(self) -> None:
        self._session.close()


class Receiver:
    """Receives webhooks as bytes."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    def wait_for(self, count: int) -> list[Any]:
        eventually(lambda: len(self.bodies) >= count)
        return self.events


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def moment_url(clock: Clock) -> Iterator[str]:
    webhook_sender = WebhookSender(clock=clock)
    store = RecordStore(clock=clock, notify=webhook_sender.notify)
    with serving(create_app(store, webhook_sender=webhook_sender, faults=Faults())) as url:
        yield url


@pytest.fixture
def moment(moment_url: str) -> Iterator[Moment]:
    """Moment in its seeded state."""
    client = Moment(moment_url)
    client.control("POST", "reset")
    yield client
    client.close()


@pytest.fixture
def receiver(moment: Moment) -> Iterator[Receiver]:
    """Receive all webhooks of the demo company."""
    received = Receiver()
    app = FastAPI()

    @app.post("/hook", status_code=202)
    async def receive(request: Request) -> None:
        received.bodies.append(await request.body())

    with serving(app) as url:
        received.url = f"{url}/hook"
        addresses = dict.fromkeys(("customers", "projects", "invoices"), received.url)
        moment.control("PUT", "webhooks/1001", json=addresses)
        yield received
