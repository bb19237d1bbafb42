"""A user of both systems from outside: enters records, sends webhooks, reads what each system has."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import requests

from local import demo_company
from local.demo_company import System

Record = dict[str, Any]

WAIT_SECONDS = 60
API = f"api/1.0/companies/{demo_company.MOMENT_COMPANY}"
MOMENT_KEY = ("apikey", demo_company.SECRETS["CONNECTION_MOMENT_API_KEY"])


class ExpectationError(Exception):
    """Something is not as expected; the message says how it is."""


def expect(what: str, seen: object, expected: object) -> None:
    if seen != expected:
        raise ExpectationError(f"{what}: {seen!r}, not {expected!r}")


def eventually(holds: Callable[[], None], *, seconds: float = WAIT_SECONDS) -> None:
    """Call ``holds`` until it raises no ExpectationError. Raises the last one after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return holds()
        except ExpectationError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


class DemoUser:
    """Works in the demo company; ``webhook_url`` is the address of its webhook."""

    def __init__(self, system: System, *, webhook_url: str) -> None:
        self.command = system.command
        self._addresses = system.addresses
        self._webhook_url = webhook_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._entered_in_twentyfour: set[tuple[str, int]] = set()

    def enter(self, resource: str, **values: object) -> Record:
        return self._send("POST", "moment", f"{API}/{resource}", values)

    def change(self, resource: str, record_id: int, **values: object) -> Record:
        return self._send("PATCH", "moment", f"{API}/{resource}/{record_id}", values)

    def press(self, button: str, invoice_id: int) -> Record:
        """Finalize or credit an invoice in Moment; return the invoice or the credit note."""
        invoice = f"companies/{demo_company.MOMENT_COMPANY}/invoices/{invoice_id}"
        return self._send("POST", "moment", f"{invoice}/{button}")

    def moment(self, resource: str) -> list[Record]:
        return self._read("moment", f"books/{demo_company.MOMENT_COMPANY}/{resource}")

    def twentyfour(self, resource: str) -> list[Record]:
        return self._read("twentyfour", f"books/{demo_company.CLIENT}/{resource}")

    def synced(self, resource: str) -> list[Record]:
        """Return what 24SevenOffice has, without records that were entered there manually."""
        by_hand = self._entered_in_twentyfour
        return [each for each in self.twentyfour(resource) if (resource, each["number"]) not in by_hand]

    def book(self, resource: str, **values: object) -> Record:
        record = self._send("POST", "twentyfour", f"books/{demo_company.CLIENT}/{resource}", values)
        self._entered_in_twentyfour.add((resource, record["number"]))
        return record

    def import_expenses(self, *options: str) -> str:
        return self.command("expenses", "import", demo_company.NAME, "--days=1", *options)

    def sent_webhooks(self) -> list[Record]:
        return self._read("moment", "deliveries")

    def disturb_webhooks(self, *, seed: int) -> None:
        """Make Moment duplicate half of its webhooks and change their order."""
        self._ask("PUT", "moment", "deliveries", {"double": 0.5, "delay_seconds": [0, 0.5], "seed": seed})

    def send_webhook(self, body: object) -> None:
        self._session.post(self._webhook_url, json=body, timeout=10).raise_for_status()

    def jobs(self, *states: str) -> list[Record]:
        """Return the jobs in these states, as ``worker jobs list`` prints them."""
        listed = self.command("jobs", "list", "--output", "json", *(f"--state={state}" for state in states))
        return list(json.loads(listed))

    def mails(self) -> list[Record]:
        return self._read("mail", "mails")

    def _send(self, method: str, system: str, path: str, values: object = None) -> Record:
        return dict(self._ask(method, system, path, values))

    def _read(self, system: str, path: str) -> list[Record]:
        return list(self._ask("GET", system, path))

    def _ask(self, method: str, system: str, path: str, values: object = None) -> Any:  # noqa: ANN401 - JSON is anything
        url = f"{self._addresses[system]}/{path}"
        response = self._session.request(method, url, json=values, auth=MOMENT_KEY, timeout=10)
        response.raise_for_status()
        return response.json(parse_float=Decimal)
