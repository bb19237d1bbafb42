"""A firm as it is seen from outside the bridge: its two systems, its mailbox, and what can be done to them there."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import requests

from local.demo_company import CLIENT

Record = dict[str, Any]

COMPANY, API_KEY = "7001", "chaos-key"
CREDENTIALS = {
    "moment_company": COMPANY,
    "moment_api_key": API_KEY,
    "username": "demo@example.com",
    "password": "demo-password",
}


class Outside:
    """Works in both systems, at ``addresses`` by their names; raises RequestException where one does not do it."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = ("apikey", API_KEY)
        self.control("moment", "PUT", f"companies/{COMPANY}", {"name": "Kaos AS", "api_key": API_KEY})

    def listen(self, webhook_url: str) -> None:
        """Enter the address of the webhook in Moment."""
        self._hook = webhook_url
        webhooks = dict.fromkeys(("customers", "projects", "invoices"), webhook_url)
        self.control("moment", "PUT", f"webhooks/{COMPANY}", webhooks)

    def enter(self, resource: str, **values: object) -> Record:
        """Enter a record in Moment, as its API takes it."""
        record: Record = self.control("moment", "POST", f"api/1.0/companies/{COMPANY}/{resource}", values)
        return record

    def change(self, resource: str, record_id: int, **values: object) -> None:
        """Change a record in Moment."""
        self.control("moment", "PATCH", f"api/1.0/companies/{COMPANY}/{resource}/{record_id}", values)

    def press(self, button: str, invoice_id: int) -> Record:
        """Finalize or credit an invoice in Moment; returns the invoice or the credit note."""
        record: Record = self.control("moment", "POST", f"companies/{COMPANY}/invoices/{invoice_id}/{button}")
        return record

    def book(self, path: str, values: object, *, method: str = "POST") -> Record:
        """Enter or change something in 24SevenOffice by hand."""
        record: Record = self.control("twentyfour", method, f"books/{CLIENT}/{path}", values)
        return record

    def moment(self, resource: str) -> list[Record]:
        """Read what Moment holds."""
        records: list[Record] = self.control("moment", "GET", f"books/{COMPANY}/{resource}")
        return records

    def records(self, shelf: str) -> list[Record]:
        """Read the books of 24SevenOffice."""
        records: list[Record] = self.control("twentyfour", "GET", f"books/{CLIENT}/{shelf}")
        return records

    def mails(self) -> list[Record]:
        """Read all mails that have arrived."""
        mails: list[Record] = self.control("mail", "GET", "mails")
        return mails

    def deliveries(self) -> list[Record]:
        """Read the notifications of Moment, and how they fared."""
        deliveries: list[Record] = self.control("moment", "GET", "deliveries")
        return deliveries

    def notify(self, body: object) -> None:
        """Bring a notification to the webhook."""
        self._session.post(self._hook, json=body, timeout=10).raise_for_status()

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """Ask a system for something, and read its answer."""
        answer = self._session.request(method, f"{self._addresses[system]}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json(parse_float=Decimal) if answer.content else None
