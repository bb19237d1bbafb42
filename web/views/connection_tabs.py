"""The tabs of a connection: those that each role sees, and the tab that an operation's page belongs to."""

from collections.abc import Mapping
from typing import Any

from i18n.messages import Message, msg
from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.users.repository import User

TAB_NAMES: Mapping[str, Message] = {
    "overview": msg("Overview"),
    "settings": msg("Settings"),
    "webhooks": msg("Webhooks"),
    "test": msg("Test"),
    "reconciliation": msg("Reconciliation"),
    "history": msg("History"),
}
TAB_BY_OPERATION: Mapping[OperationType, str] = {
    OperationType.DIAGNOSTICS: "test",
    OperationType.SAVING: "settings",
    OperationType.RECONCILIATION: "reconciliation",
    OperationType.MONTHLY_RECONCILIATION: "reconciliation",
    OperationType.INITIAL_MATCHING: "overview",
    OperationType.BACKFILL: "overview",
    OperationType.BACKFILL_PREVIEW: "overview",
}


def tab_values(user: User, connection: Connection, name: str) -> dict[str, Any]:
    """Return the template values of the tabs, with the one called ``name`` open."""
    hidden = {"settings": not user.is_administrator, "webhooks": not user.is_administrator}
    hidden["test"] = not user.is_operator
    urls = {each: f"/connections/{connection.id}/{each}" for each in TAB_NAMES}
    urls["overview"] = f"/connections/{connection.id}"
    return {
        "connection": connection,
        "tab": name,
        "tab_names": TAB_NAMES,
        "tab_links": [(each, urls[each], title) for each, title in TAB_NAMES.items() if not hidden.get(each)],
    }
