"""Both remote systems and the mail server as a firm uses them, without the integration."""

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


class RemoteSystems:
    """Both remote systems and the mail server, at ``addresses`` by name. Raises RequestException if one fails."""

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
        """Enter a record in Moment, as its API accepts it."""
        return dict(self.control("moment", "POST", f"api/1.0/companies/{COMPANY}/{resource}", values))

    def change(self, resource: str, record_id: int, **values: object) -> None:
        """Change a record in Moment."""
        self.control("moment", "PATCH", f"api/1.0/companies/{COMPANY}/{resource}/{record_id}", values)

    def press(self, button: str, invoice_id: int) -> Record:
        """Finalize or credit an invoice in Moment; return the invoice or the credit note."""
        return dict(self.control("moment", "POST", f"companies/{COMPANY}/invoices/{invoice_id}/{button}"))

    def book(self, path: str, values: object, *, method: str = "POST") -> Record:
        """Enter or change something in 24SevenOffice manually."""
        record: Record = self.control("twentyfour", method, f"books/{CLIENT}/{path}", values)
        return record

    def moment(self, resource: str) -> list[Record]:
        """Return the records of a resource in Moment."""
        return list(self.control("moment", "GET", f"books/{COMPANY}/{resource}"))

    def records(self, resource: str) -> list[Record]:
        """Return the records of a resource in 24SevenOffice."""
        return list(self.control("twentyfour", "GET", f"books/{CLIENT}/{resource}"))

    def mails(self) -> list[Record]:
        """Return all mails that have arrived."""
        return list(self.control("mail", "GET", "mails"))

    def deliveries(self) -> list[Record]:
        """Return the webhooks that Moment sent, with their results."""
        return list(self.control("moment", "GET", "deliveries"))

    def notify(self, body: object) -> None:
        """Send a webhook."""
        self._session.post(self._hook, json=body, timeout=10).raise_for_status()

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """Send a control request to a system, and return its response."""
        answer = self._session.request(method, f"{self._addresses[system]}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json(parse_float=Decimal) if answer.content else None
