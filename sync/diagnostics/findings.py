"""The findings of the diagnostics: whether something works, and what to do if not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from i18n.formatting import OSLO
from i18n.messages import as_json, from_json, msg
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Record
from sync.errors import SyncError, UnavailableError
from sync.ports import InspectableErp, InspectableMoment

log = structlog.get_logger()


class CheckStatus(StrEnum):
    """The result of a check. `unknown` results must be checked by hand, since no call can tell."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Programs identify it by ``check``, such as "accounting_setup.vat_codes", and by the ``error_code`` of the
    error, if any. ``remedy`` is empty if nothing has to be done. ``setting`` is the one that corrects it, if there
    is one, and ``tests`` the assumptions that it tests, such as "S1", as numbered in docs/assumptions.md.
    """

    status: CheckStatus
    message: str
    remedy: str = ""
    setting: str = ""
    tests: str = ""
    check: str = ""
    error_code: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "message": as_json(self.message),
            "remedy": as_json(self.remedy),
            "setting": self.setting,
            "tests": self.tests,
            "check": self.check,
            "error_code": self.error_code,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Finding:
        sentences = {name: from_json(told[name]) for name in ("message", "remedy")}
        rest = {name: told.get(name, "") for name in ("setting", "tests", "check", "error_code")}
        status = told["status"].replace(" ", "_")  # as earlier versions wrote it
        return cls(CheckStatus(status), **sentences, **rest)


@dataclass(frozen=True, slots=True)
class Target:
    """The connection to be checked; instants in UTC.

    ``last_webhooks`` is when the last webhook of each entity type came, ``missed_webhooks`` the number of changes
    in the last seven days without a webhook, and ``last_invoice`` the invoice that was last synced.
    """

    settings: ConnectionSettings
    moment: InspectableMoment
    erp: InspectableErp
    now: datetime
    last_webhooks: Mapping[EntityType, datetime] = field(default_factory=dict)
    missed_webhooks: Mapping[EntityType, int] = field(default_factory=dict)
    pending_invoices: int = 0
    refused_invoices: int = 0
    last_invoice: Record | None = None
    api_key_saved_at: datetime | None = None

    @property
    def today(self) -> date:
        """Today in Oslo."""
        return self.now.astimezone(OSLO).date()

    def syncs(self, entity_type: EntityType) -> bool:
        return entity_type in self.settings.entity_types


good = partial(Finding, CheckStatus.GOOD)
unknown = partial(Finding, CheckStatus.UNKNOWN)
not_needed = partial(Finding, CheckStatus.NOT_NEEDED)


def bad(what: str, remedy: str, *, setting: str = "", tests: str = "") -> Finding:
    return Finding(CheckStatus.BAD, what, remedy, setting, tests)


def failed(error: SyncError, *, tests: str = "") -> Finding:
    remedy = error.remedy
    if isinstance(error, UnavailableError):
        remedy = msg("There's nothing to correct. Test the connection again shortly.")
    found = bad(error.message, remedy, setting=SETTING_OF.get(error.error_code, ""), tests=tests)
    return replace(found, error_code=error.error_code)


def crashed(check: str, error: Exception) -> Finding:
    return bad(
        msg("The check “{check}” itself failed ({error}).", check=check, error=type(error).__name__),
        msg("Forward this to your system administrator. The log has the details."),
    )


def safely(check: str, steps: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings of the steps. An error ends them and is a finding too, so that other steps can follow."""
    try:
        yield from steps
    except SyncError as error:
        yield failed(error)
    except Exception as error:
        log.exception("check_crashed", check=check)
        yield crashed(check, error)


SETTING_OF = {
    "moment_key": "moment_api_key",
    "moment_company": "moment_company",
    "login_refused": "password",
    "identity": "identity_id",
    "identity_blocked": "identity_id",
    "other_client": "identity_id",
    "client_taken": "identity_id",
    "voucher_type_missing": "voucher_number",
    "no_voucher_number": "voucher_number",
    "vat_not_balanced": "voucher_vat",
    "vat_without_base": "voucher_vat",
}
"""The setting that a person should look at first, by error code."""

ACCESS_ERRORS = {
    "login_refused",
    "identity",
    "identity_blocked",
    "other_client",
    "client_taken",
    "session_refused",
    "moment_key",
    "moment_company",
}
FAULT = "fault"
"""The error code of a failure of one call of 24SevenOffice; the next call may succeed."""


def blocks_system(error: SyncError) -> bool:
    """Return whether nothing else would work in that system either."""
    return error.error_code in ACCESS_ERRORS or (isinstance(error, UnavailableError) and error.error_code != FAULT)
