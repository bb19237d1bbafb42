"""Expenses: posted costs in 24SevenOffice become expenses on Moment's projects, with documents, exactly once.

A voucher becomes one expense for each project and account on which it has costs. Links record what was created. If
a person deletes the expense in Moment, its link stays, so that it is not created again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from i18n.messages import Message, joined, msg
from models.enums import EntityType, Outcome, Record
from models.error_codes import SET_ASIDE
from models.inbox.leases import SyncJob
from models.inbox.links import Link, LinkState
from sync.engine.context import SyncContext
from sync.engine.outcomes import Success, skipped
from sync.engine.steps import Steps
from sync.error_codes import ERROR_CODES
from sync.error_codes.names import (
    BEFORE_FIRST_DAY,
    INVOICED,
    KEPT,
    NO_COSTS,
    NO_PROJECT,
    NOT_APPROVED,
    NOT_LISTED,
    REMOVED,
    UNKNOWN_PROJECT,
    VAT_UNCLEAR,
    VOUCHER_GONE,
)
from sync.errors import RejectedError, SyncError, error_as_value, naming_record
from sync.flows.documents import file_stem, merge_documents, supplier_and_invoice_number, sync_documents
from sync.money import format_kroner
from sync.records import ExpenseDraft, LedgerLine, SetupPart, VoucherDocuments, fingerprint, rates_of
from sync.rules.expense_mapping import (
    SkippedLine,
    SupplierInvoice,
    VoucherCosts,
    costs_of,
    drafts_of,
    external_id,
    key_of,
    supplier_invoice_of,
    title_of,
    visible_lines,
)
from sync.rules.record_summaries import voucher_summary
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, needs_rates, stamps_of

CLOSEST_LAST = (NOT_LISTED, BEFORE_FIRST_DAY, NO_PROJECT, UNKNOWN_PROJECT)
"""Error codes of skipped lines, from the least to the most relevant."""

APPROVAL_TIMEOUT = timedelta(days=90)
"""How long a voucher is read again, without a change in the ledger, while its documents await approval."""


@dataclass(frozen=True, slots=True)
class PreparedVoucher:
    """A voucher with the expenses that it should have (``drafts``) and has (``existing``), by our key.

    ``kept`` are existing ones whose cost is in the ledger but left out by the settings or by Moment's projects.
    """

    job: SyncJob
    title: str
    drafts: Mapping[str, ExpenseDraft]
    existing: Mapping[str, tuple[str, Link]]
    kept: Collection[str]
    documents: VoucherDocuments
    file_stem: str
    skipped: Sequence[SkippedLine]
    recheck_after: timedelta | None

    @property
    def message(self) -> Message:
        imported = [
            msg(
                "{description}: {amount} kroner", description=draft.description, amount=format_kroner(draft.amount)
            )
            for draft in self.drafts.values()
        ]
        stays = [msg("Earlier imports stay in Moment")] if self.kept else []
        return joined(*imported, *stays, *(each.why for each in self.skipped))


@dataclass(frozen=True, slots=True)
class SyncedExpense:
    """The result for one expense: its id, empty if it was deleted in Moment, and whether anything changed."""

    id: str
    changed: bool


class Expenses:
    """Creates the expenses of changed vouchers, and updates earlier ones."""

    batch_size = 10
    sends_together = False

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._rates_reread = False

    def prepare(self, job: SyncJob) -> PreparedVoucher | Success:
        """Read a voucher and decide which expenses it should have in Moment."""
        voucher = job.record.id
        lines = self._context.erp.supplier_voucher(voucher)
        name = title_of(voucher, lines)
        if lines:
            self._context.set_summary(voucher_summary(lines, supplier_invoice_of(lines)))
        with naming_record(name):
            self._refuse_set_aside(job.record)
            existing = self._existing(voucher, lines, outcome_unknown=job.outcome_unknown)
            voucher_costs = self._costs(lines, existing)
            if not voucher_costs.costs and not existing:
                return replace(_nothing_to_sync(voucher_costs.skipped), title=name)
            documents = self._read_documents(lines) if voucher_costs.costs else VoucherDocuments()
            recheck_after = self._recheck_after(supplier_invoice_of(lines).day) if documents.pending else None
            if documents.is_held_back and not existing:
                waits = skipped(msg("The document is awaiting approval"), error_code=NOT_APPROVED, title=name)
                return replace(waits, recheck_after=recheck_after)
            invoice = self._supplier_invoice(lines, documents) if voucher_costs.costs else None
            if invoice:  # the supplier may be named in the documents only
                self._context.set_summary(voucher_summary(lines, invoice))
            drafts = (
                drafts_of(voucher, voucher_costs.costs, invoice, settings=self._context.settings)
                if invoice
                else {}
            )
            excluded = {
                key_of(voucher, project_number, account) for project_number, account in voucher_costs.excluded
            }
            return PreparedVoucher(
                job=job,
                title=name,
                drafts=drafts,
                existing=existing,
                kept=[key for key in _in_moment(existing) if key in excluded and key not in drafts],
                documents=documents,
                file_stem=file_stem(invoice.name if invoice else "", voucher),
                skipped=voucher_costs.skipped,
                recheck_after=recheck_after,
            )

    def _refuse_set_aside(self, voucher: Record) -> None:
        """Refuse a voucher with former links: its expense in Moment may be that of another client's voucher."""
        if former := self._context.former_link(voucher):
            raise RejectedError(
                msg(
                    "A voucher of this number became an expense in Moment ({former}) before the links of this "
                    "connection were set aside. It may be that of another company.",
                    former=former,
                ),
                error_code=SET_ASIDE,
                remedy=msg(
                    "If it is the same voucher, retry it on its own: the expense is corrected. If not, enter "
                    "its costs in Moment manually and mark it as resolved."
                ),
            )

    def send(self, batch: Sequence[PreparedVoucher]) -> Sequence[Success | SyncError]:
        return [error_as_value(item.title, self._sync_voucher, item) for item in batch]

    def _existing(
        self, voucher: str, lines: Sequence[LedgerLine], *, outcome_unknown: bool
    ) -> Mapping[str, tuple[str, Link]]:
        """Return the expenses of the voucher in Moment, by our key: each with its id and its link.

        One that an interrupted attempt created is linked first, as its cost may have been reversed since. One that
        it removed, or another company's, loses its link.
        """
        existing = self._context.links_by_prefix(EntityType.EXPENSE, f"{voucher}/")
        unclear = {
            key
            for key, (_, link) in existing.items()
            if link.fingerprint in (LinkState.REMOVING, LinkState.RESUMED)
        }
        if outcome_unknown:
            keys = {key_of(voucher, line.project_number, line.account) for line in lines if line.project_number}
            unclear |= keys - existing.keys()
        for key in sorted(unclear):
            linked, _ = existing.get(key, (None, None))
            expense_id = self._context.moment.find_expense(external_id(key))
            if linked and linked != expense_id:
                self._context.remove_link(Record(EntityType.EXPENSE, linked))
            if expense_id and linked != expense_id:
                self._context.save_link(Record(EntityType.EXPENSE, expense_id), remote_id=key)
        return self._context.links_by_prefix(EntityType.EXPENSE, f"{voucher}/") if unclear else existing

    def _costs(self, lines: Sequence[LedgerLine], existing: Mapping[str, tuple[str, Link]]) -> VoucherCosts:
        """Return the costs of the lines. Raises RejectedError if a person has to decide about the expenses."""
        if not lines and _in_moment(existing):
            raise RejectedError(
                msg("24SevenOffice no longer shows any line of this voucher. Its expenses stay in Moment."),
                error_code=VOUCHER_GONE,
            )
        voucher_costs = self._costs_by_rates(lines)
        if voucher_costs.unclear and not self._rates_reread:  # a VAT code may just have been set up
            self._context.erp.forget(SetupPart.VAT_CODES)
            self._rates_reread = True
            voucher_costs = self._costs_by_rates(lines)
        if voucher_costs.unclear:
            raise RejectedError(voucher_costs.unclear.why, error_code=VAT_UNCLEAR)
        return voucher_costs

    def _costs_by_rates(self, lines: Sequence[LedgerLine]) -> VoucherCosts:
        rates = rates_of(self._context.erp.vat_codes()) if needs_rates(lines) else {}
        return costs_of(
            lines, settings=self._context.settings, project_id=self._context.project_of_costs, rates=rates
        )

    def _sync_voucher(self, item: PreparedVoucher) -> Success:
        """Create, update or remove each expense; an error is raised after the others are done."""
        steps, changed = Steps(item.title), False
        expense_ids: list[str] = []
        for key, draft in item.drafts.items():
            if synced := steps.take(self._sync_expense, item, key, draft):
                expense_ids += [synced.id] if synced.id else []
                changed |= synced.changed
        for key, (expense_id, link) in item.existing.items():
            if key not in item.drafts and key not in item.kept:
                changed |= bool(steps.take(self._remove, expense_id, link))
        changed |= sync_documents(
            self._context, expense_ids, item.documents.approved, stem=item.file_stem, steps=steps
        )
        steps.raise_errors()
        return _success(item, changed=changed)

    def _sync_expense(self, item: PreparedVoucher, key: str, draft: ExpenseDraft) -> SyncedExpense:
        expense_id, link = item.existing.get(key, ("", None))
        sent = fingerprint(replace(draft, activity_id="", billable=False))  # the project decides these two
        if link and link.fingerprint == LinkState.DELETED:
            return SyncedExpense("", changed=False)
        if link and link.fingerprint == sent and not item.job.outcome_unknown:
            return SyncedExpense(expense_id, changed=False)
        expense_id, sent = self._save(expense_id, draft, sent)
        self._context.save_link(Record(EntityType.EXPENSE, expense_id), remote_id=key, fingerprint=sent)
        return SyncedExpense("" if sent == LinkState.DELETED else expense_id, changed=True)

    def _save(self, expense_id: str, draft: ExpenseDraft, sent: str) -> tuple[str, str]:
        """Create or update an expense. Return its id, and the fingerprint for its link."""
        moment, name = self._context.moment, self._context.settings.expense_activity
        existing_id = expense_id or moment.find_expense(draft.external_id)
        self._context.renew_lease()
        if not existing_id:
            activity = moment.activity(draft.project_id, name)
            return moment.create_expense(replace(draft, activity_id=activity)), sent
        try:
            exists = moment.update_expense(existing_id, draft, activity=name)
        except RejectedError as error:
            ledger = msg("The ledger now shows {amount} kroner.", amount=format_kroner(draft.amount))
            raise _too_late_error(error, ledger) from error
        return existing_id, sent if exists else LinkState.DELETED

    def _remove(self, expense_id: str, link: Link) -> bool:
        """Remove an expense whose cost is gone.

        The link is marked first, so that a removal with a lost response is recognized.
        """
        if link.fingerprint == LinkState.DELETED:
            return False
        record = Record(EntityType.EXPENSE, expense_id)
        self._context.renew_lease()
        self._context.save_link(record, remote_id=link.remote_id, fingerprint=LinkState.REMOVING)
        try:
            self._context.moment.delete_expense(expense_id)
        except RejectedError as error:
            raise _too_late_error(error, msg("It is no longer in the ledger.")) from error
        self._context.remove_link(record)
        return True

    def _read_documents(self, lines: Sequence[LedgerLine]) -> VoucherDocuments:
        stamps = sorted(stamps_of(lines))
        documents = self._context.erp.documents_of(stamps)
        return merge_documents(documents[stamp] for stamp in stamps)

    def _supplier_invoice(self, lines: Sequence[LedgerLine], documents: VoucherDocuments) -> SupplierInvoice:
        """Return the supplier of the voucher: from its supplier line, its documents, or the customer list (S7)."""
        supplier, invoice_number = supplier_and_invoice_number(documents)
        supplier_line = next((line for line in visible_lines(lines) if line.account in SUPPLIER_ACCOUNTS), None)
        if supplier_line and supplier_line.customer_number and not supplier_line.customer_name and not supplier:
            company = self._context.erp.company(supplier_line.customer_number)
            supplier = company.name if company else ""
        return supplier_invoice_of(lines, supplier=supplier, invoice_number=invoice_number)

    def _recheck_after(self, day: date) -> timedelta | None:
        """Return the wait: short for a new voucher, longer for an old one, None once no document is expected."""
        age = timedelta(days=(self._context.clock().date() - day).days)
        return min(max(timedelta(hours=1), age / 4), timedelta(days=1)) if age <= APPROVAL_TIMEOUT else None


def _in_moment(existing: Mapping[str, tuple[str, Link]]) -> list[str]:
    """Return the expenses that, as far as known, were not deleted in Moment."""
    return [key for key, (_, link) in existing.items() if link.fingerprint != LinkState.DELETED]


def _success(item: PreparedVoucher, *, changed: bool) -> Success:
    if changed and item.drafts:
        return Success(Outcome.SYNCED, item.title, item.message, recheck_after=item.recheck_after)
    if changed:
        removed = item.message or msg("Its expenses were removed")
        return skipped(removed, error_code=REMOVED, title=item.title)
    if item.kept and not item.drafts:
        return skipped(item.message, error_code=KEPT, title=item.title)
    message = item.message if item.kept else ""
    return Success(Outcome.UNCHANGED, item.title, message, recheck_after=item.recheck_after)


def _nothing_to_sync(lines: Sequence[SkippedLine]) -> Success:
    """Return why a voucher is skipped, with the error code of the line that came closest to an expense."""
    if not lines:
        return skipped(msg("It has no costs or isn't in the ledger"), error_code=NO_COSTS)
    error_code = max((line.error_code for line in lines), key=CLOSEST_LAST.index)
    return skipped(joined(*(line.why for line in lines)), error_code=error_code)


def _too_late_error(error: RejectedError, ledger: Message) -> RejectedError:
    return RejectedError(
        msg("{now} {problem}", now=ledger, problem=error.message),
        error_code=error.error_code,
        remedy=ERROR_CODES[INVOICED].remedy,
    )
