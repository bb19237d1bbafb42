"""The results of operations, as the pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from i18n.messages import joined
from models.admin.operations import CANCELLED, Operation, OperationResult, Operations, OperationType
from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from sync.diagnostics.findings import CheckStatus, Finding

CHART_CACHED_FOR = timedelta(days=1)
"""How long a chart of accounts that was read is used to check entered accounts."""


@dataclass(frozen=True)
class OperationView:
    operation: Operation

    @property
    def result(self) -> OperationResult:
        return self.operation.result or {}

    @cached_property
    def findings(self) -> dict[CheckStatus, list[Finding]]:
        found = [Finding.from_json(each) for each in self.result.get("findings", [])]
        return {status: [each for each in found if each.status is status] for status in CheckStatus}

    @property
    def failed(self) -> list[Finding]:
        return self.findings[CheckStatus.BAD]

    @property
    def unknown(self) -> list[Finding]:
        return self.findings[CheckStatus.UNKNOWN]

    @property
    def passed(self) -> list[Finding]:
        return self.findings[CheckStatus.GOOD] + self.findings[CheckStatus.NOT_NEEDED]

    @property
    def errors(self) -> dict[str, str]:
        return {
            each.setting: joined(each.message, each.remedy, between=" ") for each in self.failed if each.setting
        }

    @property
    def is_outdated(self) -> bool:
        """Whether settings were not saved because another user had changed them."""
        return bool(self.result.get("outdated"))

    @property
    def follow_up(self) -> int | None:
        """The number of the test that follows saved settings; None if they were not saved."""
        return self.result.get("diagnostics")

    @property
    def is_cancelled(self) -> bool:
        return CANCELLED in self.result

    @property
    def matching(self) -> Mapping[str, Any] | None:
        """The result or plan of an initial matching, from :mod:`worker.handlers.onboarding`."""
        return self.result.get("matching")

    @property
    def backfill(self) -> Sequence[Mapping[str, Any]] | None:
        """The result of a backfill by type, from :mod:`worker.handlers.onboarding`."""
        return self.result.get("backfill")

    @property
    def backfill_preview(self) -> Mapping[str, Any] | None:
        return self.result.get("backfill_preview")

    @property
    def clients(self) -> list[dict[str, str]]:
        """The clients that the login reaches, each with ``id`` and ``name``."""
        return list(self.result.get("clients", []))

    @property
    def accounts(self) -> list[int]:
        return list(self.result.get("accounts", []))


def known_accounts(
    operations: Operations, connection: Connection, entered: ConnectionSettings, *, now: datetime
) -> list[int]:
    """Return the accounts that the last test found; none if it did not read them or reached another client."""
    last = operations.latest(connection.id, OperationType.DIAGNOSTICS)
    if last is None or last.completed_at is None or last.completed_at < now - CHART_CACHED_FOR:
        return []
    before, result = connection.settings, OperationView(last)
    identity_id = before.identity_id or next((each["id"] for each in result.clients), "")
    seen, wanted = (before.username, before.password, identity_id), (entered.username, entered.password)
    return result.accounts if seen == (*wanted, entered.identity_id or identity_id) else []
