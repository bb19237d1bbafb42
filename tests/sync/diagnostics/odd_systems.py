"""Systems that meet all assumptions, and systems that each violate one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from models.enums import EntityType
from sync.diagnostics.findings import Finding, Target
from sync.diagnostics.run_write_tests import run_write_tests
from sync.diagnostics.write_tests.artifacts import WriteTestArtifacts
from sync.errors import OutcomeUnknownError, RejectedError, SyncError
from sync.records import Company, CompanyDraft, ExistingProject, ExpenseDraft, LedgerLine, Voucher
from tests.factories import NOW, customer, project, settings
from tests.sync.inspectable_fakes import OpenFakeErp, OpenFakeMoment


class ErpThatKeepsWhatIsNotSent(OpenFakeErp):
    """Keeps the fields of a customer that are not sent."""

    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        known = self.companies.get(draft.number or 0)
        kept = draft.organization_number or (known.organization_number if known else "")
        return super()._save_company(replace(draft, organization_number=kept))


class ErpThatRenumbers(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        return [replace(line, voucher_number=7) for line in super().posted(invoice_number, day=day)]


class ErpThatPostsADayEarlier(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        found = super().posted(invoice_number, day=day)
        return [replace(line, day=line.day - timedelta(days=1)) for line in found]


class ErpThatOmitsCustomers(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        return [replace(line, customer_number=None) for line in super().posted(invoice_number, day=day)]


class ErpThatShowsNoVoucher(ErpThatKeepsWhatIsNotSent):
    def posted(self, *_: object, **__: object) -> Sequence[LedgerLine]:
        return []


class ErpWithAnotherRate(ErpThatKeepsWhatIsNotSent):
    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        """Return the voucher with seven øre of the VAT as revenue."""
        moved = {2701: 7, 3000: -7}
        return [
            replace(line, amount=line.amount + moved.get(line.account, 0))
            for line in super().supplier_voucher(voucher)
        ]


class ErpThatLeavesVatInRevenue(ErpThatKeepsWhatIsNotSent):
    """Leaves VAT in the revenue unless the voucher has VAT lines."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves_vat = True


class ErpThatRequiresVatLines(ErpThatKeepsWhatIsNotSent):
    """Refuses vouchers whose VAT codes have no VAT lines."""

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        if any(voucher.voucher_vat == "gross" for voucher in vouchers):
            refusal = RejectedError("VAT is missing.", error_code="vat_not_balanced")
            raise OutcomeUnknownError("VAT is missing.", error_code="vat_not_balanced", otherwise=refusal)
        super().post(vouchers, year=year)


class ErpThatComparesVatExactly(ErpThatKeepsWhatIsNotSent):
    """Refuses VAT that differs from its rate by an øre."""

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        for voucher in vouchers:
            if abs(voucher.entries[1].amount) != 4 * abs(voucher.entries[2].amount):
                refusal = RejectedError("VAT is off.", error_code="vat_not_balanced")
                raise OutcomeUnknownError("VAT is off.", error_code="vat_not_balanced", otherwise=refusal)
        super().post(vouchers, year=year)


class ErpThatRecomputesVat(ErpThatKeepsWhatIsNotSent):
    """Saves the VAT that the rate gives instead of the VAT that was sent."""

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        reckoned = {2701: 20, 3000: 80}
        return [
            replace(line, amount=reckoned.get(line.account, abs(line.amount)) * (1 if line.amount > 0 else -1))
            for line in super().supplier_voucher(voucher)
        ]


class ErpThatAlwaysSplitsVat(ErpThatKeepsWhatIsNotSent):
    """Splits VAT off the revenue even if the voucher has VAT lines."""

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        lines = super().supplier_voucher(voucher)
        (year, _, number) = voucher.split("-")
        if self.vouchers[int(year), int(number)].voucher_vat == "gross":
            return lines
        return [line for each in lines for line in _halved(each)]


def _halved(line: LedgerLine) -> Sequence[LedgerLine]:
    if line.account != 3000:
        return [line]
    vat = line.amount // 5
    return [replace(line, amount=line.amount - vat), replace(line, account=2701, amount=vat)]


class ErpThatCutsComments(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        return [replace(line, text=line.text[:50]) for line in super().posted(invoice_number, day=day)]


class ErpThatRefusesLongComments(ErpThatKeepsWhatIsNotSent):
    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        if any(len(voucher.comment) > 50 for voucher in vouchers):
            raise OutcomeUnknownError("Truncated.", otherwise=RejectedError("It is refused."))
        super().post(vouchers, year=year)


class ErpThatDropsVatCodes(ErpThatKeepsWhatIsNotSent):
    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        return [replace(line, vat_code="") for line in super().supplier_voucher(voucher)]


class ErpThatReturnsHalfAVoucher(ErpThatKeepsWhatIsNotSent):
    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        return super().supplier_voucher(voucher)[:1]


class ErpThatAcceptsOneVoucher(ErpThatKeepsWhatIsNotSent):
    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        if self.vouchers:
            raise OutcomeUnknownError("It broke.", otherwise=RejectedError("It is refused."))
        super().post(vouchers, year=year)


class ErpThatIgnoresChanges(ErpThatKeepsWhatIsNotSent):
    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        return draft.number or super()._save_company(draft)


class ErpThatFindsNoExternalId(ErpThatKeepsWhatIsNotSent):
    def find_company(self, moment_id: str) -> Company | None:  # noqa: ARG002 - finds no one
        return None


class ErpThatFindsNoProject(ErpThatKeepsWhatIsNotSent):
    def project(self, number: int) -> ExistingProject | None:  # noqa: ARG002 - has none
        return None


class MomentThatLosesNames(OpenFakeMoment):
    def write_customer_number(self, record_id: str, number: int) -> None:
        self.customers[record_id] = replace(self.customers[record_id], name="", number=str(number))


class MomentThatDropsExternalIds(OpenFakeMoment):
    def create_expense(self, draft: ExpenseDraft) -> str:
        return super().create_expense(replace(draft, external_id=""))


class MomentThatListsNoFileNames(OpenFakeMoment):
    def document_names(self, expense_id: str) -> Sequence[str] | None:  # noqa: ARG002 - lists none of them
        return [""]


class MomentThatKeepsExpenses(OpenFakeMoment):
    def delete_expense(self, expense_id: str) -> bool:  # noqa: ARG002 - removes none
        return True


class FakeSystems:
    """Both fake remote systems, and the findings of the write tests about them."""

    def __init__(self, erp: OpenFakeErp | None = None, moment: OpenFakeMoment | None = None) -> None:
        self.erp = erp or ErpThatKeepsWhatIsNotSent()
        self.moment = moment or OpenFakeMoment(customer(number="10001"), project())
        self.announced: list[str] = []
        self.artifacts = WriteTestArtifacts(self.announced.append)

    def target(self, **changes: Any) -> Target:
        known = settings(**{"entity_types": tuple(EntityType), "expense_accounts": "4300", **changes})
        return Target(known, moment=self.moment, erp=self.erp, now=NOW)

    def run(self, **changes: Any) -> list[Finding]:
        return list(run_write_tests(self.target(**changes), self.artifacts))
