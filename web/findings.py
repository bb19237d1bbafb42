"""What a worker has answered to an errand, as the pages show it."""

from dataclasses import dataclass
from functools import cached_property

from language.said import listed
from models.errands import Errand
from sync.doctor.findings import Finding, Verdict


@dataclass(frozen=True)
class Told:
    """An errand with what was found, if there is an answer yet."""

    errand: Errand

    @cached_property
    def findings(self) -> dict[Verdict, list[Finding]]:
        """What was found, by how it was found."""
        answer = self.errand.answer or {"findings": []}
        found = [Finding.from_json(each) for each in answer["findings"]]
        return {verdict: [each for each in found if each.verdict is verdict] for verdict in Verdict}

    @property
    def bad(self) -> list[Finding]:
        """What is to be mended."""
        return self.findings[Verdict.BAD]

    @property
    def unknown(self) -> list[Finding]:
        """What is for a person to look at."""
        return self.findings[Verdict.UNKNOWN]

    @property
    def well(self) -> list[Finding]:
        """What works, and what is not needed."""
        return self.findings[Verdict.GOOD] + self.findings[Verdict.NOT_NEEDED]

    @property
    def errors(self) -> dict[str, str]:
        """What is to be mended, by the names of the settings; each with what to do."""
        return {each.setting: listed(each.what, each.remedy, between=" ") for each in self.bad if each.setting}

    @property
    def is_outdated(self) -> bool:
        """Whether settings were not saved since somebody else had changed them."""
        return bool((self.errand.answer or {}).get("outdated"))

    @property
    def examination(self) -> int | None:
        """The number of the test that follows settings that were saved; None where they were not."""
        return (self.errand.answer or {}).get("examination")

    @property
    def clients(self) -> list[dict[str, str]]:
        """The clients that the login reaches, each with ``id`` and ``name``."""
        return list((self.errand.answer or {}).get("clients", []))

    @property
    def accounts(self) -> list[int]:
        """The chart of accounts, as far as it was read."""
        return list((self.errand.answer or {}).get("accounts", []))
