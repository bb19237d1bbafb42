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
from sync.error_codes.names import (
    CLIENT_TAKEN,
    FAULT,
    IDENTITY,
    IDENTITY_BLOCKED,
    LOGIN_REFUSED,
    MOMENT_COMPANY,
    MOMENT_KEY,
    NO_VOUCHER_NUMBER,
    OTHER_CLIENT,
    SESSION_REFUSED,
    VAT_NOT_BALANCED,
    VAT_WITHOUT_BASE,
    VOUCHER_TYPE_MISSING,
)
from sync.errors import SyncError, UnavailableError
from sync.ports import InspectableErp, InspectableMoment

log = structlog.get_logger()


class CheckStatus(StrEnum):
    """The result of a check. `unknown` results must be checked manually, because no call can tell."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``remedy`` is empty if nothing has to be done.

    Programs identify it by ``check``, such as "accounting_setup.vat_codes", and ``error_code``. ``setting`` is the
    setting that corrects it, and ``tests`` are the assumptions tested, such as "S1", as in docs/assumptions.md.
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
    def from_json(cls, values: Mapping[str, Any]) -> Finding:
        sentences = {name: from_json(values[name]) for name in ("message", "remedy")}
        rest = {name: values.get(name, "") for name in ("setting", "tests", "check", "error_code")}
        status = values["status"].replace(" ", "_")  # earlier versions wrote spaces
        return cls(CheckStatus(status), **sentences, **rest)


@dataclass(frozen=True, slots=True)
class Target:
    """The connection to check; instants in UTC. ``missed_webhooks`` counts those of the last seven days."""

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


def bad(message: str, remedy: str, *, setting: str = "", tests: str = "") -> Finding:
    return Finding(CheckStatus.BAD, message, remedy, setting, tests)


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
    MOMENT_KEY: "moment_api_key",
    MOMENT_COMPANY: "moment_company",
    LOGIN_REFUSED: "password",
    IDENTITY: "identity_id",
    IDENTITY_BLOCKED: "identity_id",
    OTHER_CLIENT: "identity_id",
    CLIENT_TAKEN: "identity_id",
    VOUCHER_TYPE_MISSING: "voucher_number",
    NO_VOUCHER_NUMBER: "voucher_number",
    VAT_NOT_BALANCED: "voucher_vat",
    VAT_WITHOUT_BASE: "voucher_vat",
}
"""The setting that a person should look at first, by error code."""

ACCESS_ERRORS = {
    LOGIN_REFUSED,
    IDENTITY,
    IDENTITY_BLOCKED,
    OTHER_CLIENT,
    CLIENT_TAKEN,
    SESSION_REFUSED,
    MOMENT_KEY,
    MOMENT_COMPANY,
}


def blocks_system(error: SyncError) -> bool:
    """Return whether no other call to that system would work; after a fault of one call, the next may work."""
    return error.error_code in ACCESS_ERRORS or (isinstance(error, UnavailableError) and error.error_code != FAULT)
