"""Systems that keep to what is assumed of them, and systems that each break it in one way."""

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
    """Books that keep of a customer what is not sent."""

    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        known = self.companies.get(draft.number or 0)
        kept = draft.organization_number or (known.organization_number if known else "")
        return super()._save_company(replace(draft, organization_number=kept))


class Renumbering(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        return [replace(line, voucher_number=7) for line in super().posted(invoice_number, day=day)]


class DayBefore(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        found = super().posted(invoice_number, day=day)
        return [replace(line, day=line.day - timedelta(days=1)) for line in found]


class WithoutCustomer(ErpThatKeepsWhatIsNotSent):
    def posted(self, invoice_number: int, *, day: Any) -> Sequence[LedgerLine]:
        return [replace(line, customer_number=None) for line in super().posted(invoice_number, day=day)]


class Unseen(ErpThatKeepsWhatIsNotSent):
    def posted(self, *_: object, **__: object) -> Sequence[LedgerLine]:
        return []


class OtherRate(ErpThatKeepsWhatIsNotSent):
    vat = {"3": 13}  # noqa: RUF012 - as the class above has it


class WithoutVat(ErpThatKeepsWhatIsNotSent):
    vat = {}  # noqa: RUF012 - as the class above has it


class OtherVatCode(ErpThatKeepsWhatIsNotSent):
    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        return [replace(line, vat_code="") for line in super().supplier_voucher(voucher)]


class HalfAVoucher(ErpThatKeepsWhatIsNotSent):
    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        return super().supplier_voucher(voucher)[:1]


class TakesOne(ErpThatKeepsWhatIsNotSent):
    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        if self.vouchers:
            raise OutcomeUnknownError("It broke.", otherwise=RejectedError("It is refused."))
        super().post(vouchers, year=year)


class Stubborn(ErpThatKeepsWhatIsNotSent):
    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        return draft.number or super()._save_company(draft)


class WithoutExternalId(ErpThatKeepsWhatIsNotSent):
    def find_company(self, moment_id: str) -> Company | None:  # noqa: ARG002 - finds nobody
        return None


class Forgetful(ErpThatKeepsWhatIsNotSent):
    def project(self, number: int) -> ExistingProject | None:  # noqa: ARG002 - has none
        return None


class ForgetsNames(OpenFakeMoment):
    def write_customer_number(self, record_id: str, number: int) -> None:
        self.customers[record_id] = replace(self.customers[record_id], name="", number=str(number))


class NoExternalId(OpenFakeMoment):
    def create_expense(self, draft: ExpenseDraft) -> str:
        return super().create_expense(replace(draft, external_id=""))


class NamelessFiles(OpenFakeMoment):
    def attachments(self, expense_id: str) -> Sequence[str] | None:  # noqa: ARG002 - lists none of them
        return [""]


class KeepsExpenses(OpenFakeMoment):
    def delete_expense(self, expense_id: str) -> bool:  # noqa: ARG002 - removes none
        return True


class Theatre:
    """Two systems, and what a rehearsal says of them."""

    def __init__(self, erp: OpenFakeErp | None = None, moment: OpenFakeMoment | None = None) -> None:
        self.erp = erp or ErpThatKeepsWhatIsNotSent()
        self.moment = moment or OpenFakeMoment(customer(number="10001"), project())
        self.announced: list[str] = []
        self.artifacts = WriteTestArtifacts(self.announced.append)

    def target(self, **changes: Any) -> Target:
        known = settings(**{"entity_types": tuple(EntityType), "expense_accounts": "4300", **changes})
        return Target(known, moment=self.moment, erp=self.erp, now=NOW)

    def play(self, **changes: Any) -> list[Finding]:
        return list(run_write_tests(self.target(**changes), self.artifacts))
