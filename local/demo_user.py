"""One who works with both systems from outside: enters records, brings notifications, reads the books."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests

from local import demo_company
from local.demo_company import System

Record = dict[str, Any]

WAIT_SECONDS = 60
MOMENT_KEY = ("apikey", demo_company.SECRETS["CONNECTION_MOMENT_API_KEY"])


class ExpectationError(Exception):
    """Something is not as it should be; the message says how it is."""


def expect(what: str, seen: object, expected: object) -> None:
    """Compare what is seen with what is wanted. Raises ExpectationError where they differ."""
    if seen != expected:
        raise ExpectationError(f"{what}: {seen!r}, not {expected!r}")


def eventually(holds: Callable[[], None], *, seconds: float = WAIT_SECONDS) -> None:
    """Look again and again until it holds. Raises the last Unmet after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return holds()
        except ExpectationError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


@dataclass(frozen=True, kw_only=True)
class ListedJob:
    """What a line of the bridge's own list says of a change."""

    title: str
    why: str
    message: str


class DemoUser:
    """Works at the demo company; ``webhook_url`` is the address of its webhook."""

    def __init__(self, system: System, *, webhook_url: str) -> None:
        self._system = system
        self._addresses = system.addresses
        self._webhook_url = webhook_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._by_hand: set[tuple[str, int]] = set()

    def enter(self, resource: str, **values: object) -> Record:
        """Enter a record in Moment, as its API takes it."""
        record: Record = self._ask("POST", self._moment_api(resource), json=values)
        return record

    def change(self, resource: str, record_id: int, **values: object) -> Record:
        """Change a record in Moment."""
        record: Record = self._ask("PATCH", f"{self._moment_api(resource)}/{record_id}", json=values)
        return record

    def press(self, button: str, invoice_id: int) -> Record:
        """Finalize or credit an invoice in Moment; tells the invoice or the credit note."""
        path = f"companies/{demo_company.MOMENT_COMPANY}/invoices/{invoice_id}/{button}"
        record: Record = self._ask("POST", f"{self._addresses['moment']}/{path}")
        return record

    def moment(self, resource: str) -> list[Record]:
        """Read what Moment holds."""
        return self._list(f"{self._addresses['moment']}/books/{demo_company.MOMENT_COMPANY}/{resource}")

    def twentyfour(self, shelf: str) -> list[Record]:
        """Read the books of 24SevenOffice."""
        return self._list(self._books(shelf))

    def synced(self, shelf: str) -> list[Record]:
        """Read the books of 24SevenOffice, without what was entered there by hand."""
        return [each for each in self.twentyfour(shelf) if (shelf, each["number"]) not in self._by_hand]

    def book(self, shelf: str, **values: object) -> Record:
        """Enter a record in 24SevenOffice by hand."""
        record: Record = self._ask("POST", self._books(shelf), json=values)
        self._by_hand.add((shelf, record["number"]))
        return record

    def import_expenses(self, *options: str) -> str:
        """Have the bridge look at today's vouchers, and tell what it says."""
        return self._system.command("expenses", "import", demo_company.NAME, "--days=1", *options)

    def command(self, *arguments: str) -> None:
        """Run a command of the bridge."""
        self._system.command(*arguments)

    def notifications(self) -> list[Record]:
        """Read what Moment has sent to the webhook."""
        return self._list(f"{self._addresses['moment']}/deliveries")

    def disturb_webhooks(self, *, double: float, delay_seconds: float, seed: int) -> None:
        """Have Moment double some of its notifications and mix up their order."""
        weather = {"double": double, "delay_seconds": [0, delay_seconds], "seed": seed}
        self._ask("PUT", f"{self._addresses['moment']}/deliveries", json=weather)

    def slow_down(self, seconds: float) -> None:
        """Have 24SevenOffice take so long for each call from now on."""
        self._ask("PUT", f"{self._addresses['twentyfour']}/latency", json={"seconds": seconds})

    def calls(self, operation: str) -> int:
        """Tell how often an operation of 24SevenOffice was called."""
        counted: dict[str, int] = self._ask("GET", f"{self._addresses['twentyfour']}/calls")
        return counted.get(operation, 0)

    def notify(self, body: object) -> None:
        """Bring a notification to the webhook."""
        self._session.post(self._webhook_url, json=body, timeout=10).raise_for_status()

    def jobs(self, *states: str) -> list[ListedJob]:
        """Read the bridge's own list of changes in these states."""
        listed = self._system.command("jobs", "list", *(f"--state={state}" for state in states))
        return [_listed(line) for line in listed.splitlines() if line != "Nothing."]

    def mails(self) -> list[Record]:
        """Read the mails that have arrived."""
        return self._list(f"{self._addresses['mail']}/mails")

    def _moment_api(self, resource: str) -> str:
        return f"{self._addresses['moment']}/api/1.0/companies/{demo_company.MOMENT_COMPANY}/{resource}"

    def _books(self, shelf: str) -> str:
        return f"{self._addresses['twentyfour']}/books/{demo_company.CLIENT}/{shelf}"

    def _list(self, address: str) -> list[Record]:
        records: list[Record] = self._ask("GET", address)
        return records

    def _ask(self, method: str, address: str, json: object = None) -> Any:  # noqa: ANN401 - JSON is anything
        answer = self._session.request(method, address, json=json, auth=MOMENT_KEY, timeout=10)
        answer.raise_for_status()
        return answer.json(parse_float=Decimal)


def _listed(line: str) -> ListedJob:
    """Read a line of the list; the last of its cells are missing where they are empty."""
    _, _, title, _, _, *rest = re.split("  +", line)
    why, message, *_ = *rest, "", ""
    return ListedJob(title=title, why=why, message=message)
