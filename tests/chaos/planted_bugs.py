"""Bugs planted in the product, to check that the verdict notices them."""

from collections.abc import Callable, Iterable
from typing import Any

from integrations.twentyfour.client import SoapClient
from models.enums import EntityType, Record
from sync.engine.context import SyncContext
from sync.flows.invoices import Invoices


def plant(names: Iterable[str]) -> None:
    """Plant bugs in this process, by their names in ``MISTAKES``."""
    for name in names:
        owner, method, mistaken = MISTAKES[name]
        setattr(owner, method, mistaken(getattr(owner, method)))


def _forgetting_invoices(save_link: Callable[..., None]) -> Callable[..., None]:
    def forgetful(context: SyncContext, record: Record, **values: str) -> None:
        if record.entity_type is not EntityType.INVOICE:
            save_link(context, record, **values)

    return forgetful


def _finding_nothing(_find: Callable[..., Any]) -> Callable[..., None]:
    return lambda *_, **__: None


def _not_minding(call: Callable[..., Any]) -> Callable[..., Any]:
    """Remove 24SevenOffice's own guard: it no longer refuses a second voucher for an invoice."""

    def careless(client: SoapClient, service: str, operation: str, /, **arguments: Any) -> Any:
        if operation == "SaveBundleList":
            arguments["BundleList"]["IgnoreWarnings"] = {"string": ["invoicealreadyexists"]}
        return call(client, service, operation, **arguments)

    return careless


MISTAKES: dict[str, tuple[Any, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "links forgotten": (SyncContext, "save_link", _forgetting_invoices),
    "posted blindly": (Invoices, "_find_and_link", _finding_nothing),
    "guard off": (SoapClient, "call", _not_minding),
}
