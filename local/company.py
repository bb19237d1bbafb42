"""The company that the sandbox has books for in both systems, as a connection of the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import requests

from models.words import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "Demo AS"
MOMENT_COMPANY = "1001"
CLIENT = 1
CUSTOMER, PROJECT, DRAFT = 62788973, 62788980, 106939080
"""The records that Moment holds of it from the start; the invoice becomes number 1 when it is finalized."""
CLIENT_ID = "1001-M"
RECEIVABLES = 1500
NOT_BILLABLE = 3
"""The project whose expenses nobody is charged for."""
BOOKKEEPER = "bookkeeper@example.com"
SECRETS = {"CONNECTION_MOMENT_API_KEY": "moment-demo-key", "CONNECTION_PASSWORD": "demo-password"}
SETTINGS = (
    f"--moment-company={MOMENT_COMPANY}",
    "--username=demo@example.com",
    f"--client-id={CLIENT_ID}",
    f"--error-email={BOOKKEEPER}",
    *(f"--kind={kind}" for kind in Kind),
    "--expense-accounts=4000, 4300-4599, 7140",
    f"--expense-billable-project={NOT_BILLABLE}=false",
    "--expense-poll-minutes=1",
    "--language=en",
)


class System(Protocol):
    """The whole system with the sandbox, wherever it runs, as those who use it reach it."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where its parts answer."""
        ...

    def command(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Run a command of the bridge with ``more`` in its environment, and tell what it prints."""
        ...


def introduce(system: System) -> str:
    """Connect the company, where it is not yet, and enter the webhook's address in Moment; tells the address."""
    if NAME in system.command("connections", "list"):
        said = system.command("connections", "token", NAME)
    else:
        said = system.command("connections", "add", f"--name={NAME}", *SETTINGS, more=SECRETS)
    address = said.split()[-1]
    webhooks = dict.fromkeys(("customers", "projects", "invoices"), address)
    entered = requests.put(f"{system.addresses['moment']}/webhooks/{MOMENT_COMPANY}", json=webhooks, timeout=10)
    entered.raise_for_status()
    return address
