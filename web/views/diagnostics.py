"""What a worker has answered to an errand, as the pages show it."""

from dataclasses import dataclass
from functools import cached_property

from i18n.messages import joined
from models.admin.operations import Operation
from sync.diagnostics.findings import CheckStatus, Finding


@dataclass(frozen=True)
class OperationView:
    """An errand with what was found, if there is an answer yet."""

    operation: Operation

    @cached_property
    def findings(self) -> dict[CheckStatus, list[Finding]]:
        """What was found, by how it was found."""
        answer = self.operation.result or {"findings": []}
        found = [Finding.from_json(each) for each in answer["findings"]]
        return {verdict: [each for each in found if each.status is verdict] for verdict in CheckStatus}

    @property
    def failed(self) -> list[Finding]:
        """What is to be mended."""
        return self.findings[CheckStatus.BAD]

    @property
    def unknown(self) -> list[Finding]:
        """What is for a person to look at."""
        return self.findings[CheckStatus.UNKNOWN]

    @property
    def passed(self) -> list[Finding]:
        """What works, and what is not needed."""
        return self.findings[CheckStatus.GOOD] + self.findings[CheckStatus.NOT_NEEDED]

    @property
    def errors(self) -> dict[str, str]:
        """What is to be mended, by the names of the settings; each with what to do."""
        return {
            each.setting: joined(each.message, each.remedy, between=" ") for each in self.failed if each.setting
        }

    @property
    def is_outdated(self) -> bool:
        """Whether settings were not saved since somebody else had changed them."""
        return bool((self.operation.result or {}).get("outdated"))

    @property
    def follow_up(self) -> int | None:
        """The number of the test that follows settings that were saved; None where they were not."""
        return (self.operation.result or {}).get("diagnostics")

    @property
    def clients(self) -> list[dict[str, str]]:
        """The clients that the login reaches, each with ``id`` and ``name``."""
        return list((self.operation.result or {}).get("clients", []))

    @property
    def accounts(self) -> list[int]:
        """The chart of accounts, as far as it was read."""
        return list((self.operation.result or {}).get("accounts", []))
