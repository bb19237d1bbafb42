"""Both fake remote systems with the calls for diagnostics and write tests."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from i18n.messages import Message
from models.connections.account_ranges import AccountRanges
from sync.records import ExistingProject
from tests.fakes import FakeErp, FakeMoment


class OpenFakeMoment(FakeMoment):
    codes: Mapping[int, str] = {3000: "", 3100: "5"}
    told_unasked: Collection[Message] = ()
    never_told: Collection[Message] = ()

    def last_invoice_number(self, *, since: datetime) -> int | None:  # noqa: ARG002 - all are of late
        return max((each.number or 0 for each in self.invoices.values()), default=None)

    def has_activity(self, name: str) -> bool:
        return name == "Expenses"

    def account_codes(self) -> Mapping[int, str]:
        return self.codes

    def account_numbers(self) -> Mapping[str, int]:
        return {str(place): number for place, number in enumerate(self.codes, 501)}

    def contact_fields(self, customer_id: str) -> tuple[Collection[Message], Collection[Message]]:
        assert customer_id in self.customers
        return self.told_unasked, self.never_told


class OpenFakeErp(FakeErp):
    """A fake ERP that also shows its accounting setup."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: set[int] = set()

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        return [held for held in super().existing_projects(numbers) if held.number not in self.closed]

    def identity_id(self) -> str:
        return self.identities()[0].id

    def client_name(self) -> str:
        return "Demo AS"

    def count_companies(self) -> tuple[int, int]:
        in_use = sum(company.active for company in self.all_companies())
        return in_use, len(self.companies) - in_use

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        names = super().changed_vouchers(accounts, since=since, until=until)
        return [*names, *(f"{year}-101-{number}" for year, number in self.vouchers)]
