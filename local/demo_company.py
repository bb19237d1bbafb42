"""The demo company of the sandbox, and how to connect it."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Protocol

import requests
from cryptography.fernet import InvalidToken

from local.stack import ACTOR, NotRunningError, Stack
from models.connections.repository import Connections, UnknownConnectionError
from models.enums import EntityType

NAME = "Demo AS"
MOMENT_COMPANY = "1001"
CLIENT = 1
CUSTOMER, PROJECT, DRAFT = 62788973, 62788980, 106939080
"""The records that Moment has from the start; the invoice becomes number 1 when it is finalized."""
CLIENT_ID = "1001-M"
RECEIVABLES = 1500

OUTPUT_VAT = {25: 2701, 15: 2702}
"""The VAT account of each rate. VAT lines have no project."""
NOT_BILLABLE = 3
"""The project whose expenses are not billed."""
BOOKKEEPER = "bookkeeper@example.com"
SECRETS = {"CONNECTION_MOMENT_API_KEY": "moment-demo-key", "CONNECTION_PASSWORD": "demo-password"}
SETTINGS = (
    f"--moment-company={MOMENT_COMPANY}",
    "--username=demo@example.com",
    f"--client-id={CLIENT_ID}",
    f"--error-email={BOOKKEEPER}",
    *(f"--entity-type={entity_type}" for entity_type in EntityType),
    "--expense-accounts=4000, 4300-4599, 7140",
    f"--expense-billable-project={NOT_BILLABLE}=false",
    "--expense-poll-minutes=1",
    "--language=en",
)


class System(Protocol):
    """The whole system with the sandbox, wherever it runs, as its users reach it."""

    @property
    def addresses(self) -> Mapping[str, str]: ...

    def command(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Run a command of the integration with ``more`` variables, and return its output."""


def connect(system: System, *, address: str = "") -> str:
    """Connect the company, unless it has a webhook URL (``address``). Enter that in Moment, and return it."""
    if not address:
        address = system.command("connections", "add", f"--name={NAME}", *SETTINGS, more=SECRETS).split()[-1]
    webhooks = dict.fromkeys(("customers", "projects", "invoices"), address)
    entered = requests.put(f"{system.addresses['moment']}/webhooks/{MOMENT_COMPANY}", json=webhooks, timeout=10)
    entered.raise_for_status()
    return address


def create_webhook_url(stack: Stack, *, now: datetime) -> str:
    """Replace the webhook URL, because the earlier one is not stored. Returns "" if there is no connection."""
    with closing(stack.database()) as database:
        connections = Connections(database, stack.vault())
        try:
            token = connections.regenerate_token(connections.get_by_name(NAME).id, actor=ACTOR, now=now)
        except UnknownConnectionError:
            return ""
        except InvalidToken:
            raise NotRunningError("None of the SECRET_KEYS can decrypt the stored secrets.") from None
    return f"{stack.environment['PUBLIC_URL']}/webhooks/moment/{token}"


def curl_lines(addresses: Mapping[str, str]) -> str:
    customers = f"{addresses['moment']}/api/1.0/companies/{MOMENT_COMPANY}/customers"
    return f"""\
    curl -u apikey:{SECRETS["CONNECTION_MOMENT_API_KEY"]} {customers} \\
        -H 'Content-Type: application/json' -d '{{"name": "Fjord Prosjekt AS"}}'
    curl {addresses["twentyfour"]}/books/{CLIENT}/customers
"""
