"""Moment's webhooks: thin, sent at once and never again, whether they arrive or not.

Features that the documented webhook does not mention (retries, signatures, event ids) do not exist. For tests,
webhooks can be lost, doubled and delayed, and so reordered, at random with a seed.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from queue import SimpleQueue
from random import Random
from threading import Thread
from typing import Any, Literal

import requests
from pydantic import BaseModel, ConfigDict, Field

from sandbox.moment.records import Customer, Invoice, Project, Record
from sandbox.moment.state import Company

SENDERS = 8
MAX_DELIVERIES = 10_000
TIMEOUT_SECONDS = 10


class Addresses(BaseModel):
    """The webhook addresses by type of record; each may be empty."""

    model_config = ConfigDict(extra="forbid")

    customers: str = ""
    projects: str = ""
    invoices: str = ""


class DeliveryFaults(BaseModel):
    """The faults of delivery: two probabilities, and the least and most seconds that it takes."""

    lose: float = Field(default=0, ge=0, le=1)
    double: float = Field(default=0, ge=0, le=1)
    delay_seconds: tuple[float, float] = (0, 0)
    seed: int = 1


class Delivery(BaseModel):
    """One webhook on its way: ``status`` is the HTTP status of the receiver, if it responded."""

    kind: str
    url: str
    body: dict[str, Any]
    at: datetime
    state: Literal["waiting", "delivered", "lost"] = "waiting"
    status: int | None = None
    error: str = ""


class WebhookSender:
    """Sends webhooks to their addresses; called only from the event loop, sends on its own threads."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._outbox: SimpleQueue[Delivery] = SimpleQueue()
        self.deliveries: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)
        self.set_faults(DeliveryFaults())
        for _ in range(SENDERS):
            Thread(target=self._send_all, daemon=True).start()

    def set_faults(self, delivery_faults: DeliveryFaults) -> None:
        self._delivery_faults = delivery_faults
        self._random = Random(delivery_faults.seed)  # noqa: S311 - the faults must be the same for the same seed

    def reset(self) -> None:
        """Drop webhooks on their way, forget the sent ones, and remove the faults."""
        for delivery in self.deliveries:
            delivery.state = "lost"
        self.deliveries.clear()
        self.set_faults(DeliveryFaults())

    def notify(self, company: Company, event: str, record: Record) -> None:
        """Send a webhook about a record to the address that its company set for its type."""
        kind, body = notification(event, record, company)
        if not (url := company.webhooks.get(kind)):
            return
        lost = self._random.random() < self._delivery_faults.lose
        doubled = self._random.random() < self._delivery_faults.double
        for _ in range(2 if doubled else 1):
            delivery = Delivery(
                kind=kind, url=url, body=body, at=self._clock(), state="lost" if lost else "waiting"
            )
            self.deliveries.append(delivery)
            wait = self._random.uniform(*self._delivery_faults.delay_seconds)
            asyncio.get_running_loop().call_later(wait, self._outbox.put, delivery)

    def _send_all(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update({"Content-Type": "application/json", "Connection": "close"})
            while True:
                delivery = self._outbox.get()
                if delivery.state == "waiting":
                    _send(delivery, session)


def notification(event: str, record: Record, company: Company) -> tuple[str, dict[str, Any]]:
    """Return the type of webhook of a record, and the body that is sent (assumption M6)."""
    match record:
        case Customer():
            return "customers", {"event": event, "customer": _customer(record)}
        case Project():
            return "projects", {"event": event, "project": _project(record)}
        case Invoice():
            invoice = {
                "id": record.id,
                "invoiceNumber": record.invoice_number,
                "customer": _customer(company.customers[record.customer_id or 0]),
                "project": _project(company.projects.get(record.project_id or 0)),
            }
            return "invoices", {"event": event, "invoice": invoice}
    raise TypeError(f"{type(record).__name__} has no webhook")


def _customer(customer: Customer) -> dict[str, Any]:
    return {"id": customer.id, "customerNumber": customer.customer_number}


def _project(project: Project | None) -> dict[str, Any] | None:
    return None if project is None else {"id": project.id, "projectNumber": project.project_number}


def _send(delivery: Delivery, session: requests.Session) -> None:
    try:
        response = session.post(delivery.url, data=json.dumps(delivery.body).encode(), timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        delivery.state, delivery.error = "lost", str(error)
    else:
        delivery.state, delivery.status = "delivered", response.status_code
