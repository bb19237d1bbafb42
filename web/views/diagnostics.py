"""What a worker has answered to an operation, as the pages show it."""

from dataclasses import dataclass
from functools import cached_property

from i18n.messages import joined
from models.admin.operations import Operation, OperationResult
from sync.diagnostics.findings import CheckStatus, Finding


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
        """What is to be corrected, by the names of the settings; each with what to do."""
        return {
            each.setting: joined(each.message, each.remedy, between=" ") for each in self.failed if each.setting
        }

    @property
    def is_outdated(self) -> bool:
        """Whether settings were not saved since somebody else had changed them."""
        return bool(self.result.get("outdated"))

    @property
    def follow_up(self) -> int | None:
        """The number of the test that follows settings that were saved; None where they were not."""
        return self.result.get("diagnostics")

    @property
    def clients(self) -> list[dict[str, str]]:
        """The clients that the login reaches, each with ``id`` and ``name``."""
        return list(self.result.get("clients", []))

    @property
    def accounts(self) -> list[int]:
        return list(self.result.get("accounts", []))
