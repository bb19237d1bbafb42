"""Expenses: posted costs in 24SevenOffice become expenses on Moment's projects, with documents, exactly once.

A voucher becomes one expense for each project and account on which it has costs. Links record what was created. If
a person deletes the expense in Moment, its link stays, so that it is not created again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from i18n.messages import Message, joined, msg
from models.admin.job_actions import SET_ASIDE
from models.enums import EntityType, Outcome, Record
from models.inbox.leases import SyncJob
from models.inbox.links import RESUMED, Link
from sync.engine.context import SyncContext, fingerprint
from sync.engine.outcomes import Success, skipped
from sync.engine.steps import Steps
from sync.errors import RejectedError, SyncError, error_as_value, naming_record
from sync.money import format_kroner
from sync.records import ExpenseDraft, LedgerLine, SetupPart, VoucherFiles, rates_of
from sync.rules.documents import merged, read_off, stem_of, sync_files
from sync.rules.expense_mapping import (
    MISSING,
    REMOVING,
    SkippedLine,
    SupplierInvoice,
    VoucherCosts,
    costs_of,
    drafts_of,
    external_id,
    in_force,
    key_of,
    supplier_invoice_of,
    title_of,
)
from sync.rules.record_summaries import voucher_summary
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, needs_rates, stamps_of

CLOSEST_FIRST = ("not_listed", "before_first_day", "no_project", "unknown_project")
"""Reasons why a line does not become an expense, from the least to the most relevant."""

APPROVAL_TIMEOUT = timedelta(days=90)
"""How long a voucher is looked at again, without a change in the ledger, while its documents await approval."""


@dataclass(frozen=True, slots=True)
class PreparedVoucher:
    """A voucher with the expenses that it should have, by our key, and those that it has.

    ``kept`` are existing ones whose cost is still in the ledger, but which the settings or Moment's projects leave
    out.
    """

    job: SyncJob
    title: str
    drafts: Mapping[str, ExpenseDraft]
    known: Mapping[str, tuple[str, Link]]
    kept: Collection[str]
    files: VoucherFiles
    stem: str
    skipped: Sequence[SkippedLine]
    recheck_after: timedelta | None

    @property
    def message(self) -> Message:
        brought = [
            msg(
                "{description}: {amount} kroner", description=draft.description, amount=format_kroner(draft.amount)
            )
            for draft in self.drafts.values()
        ]
        stays = [msg("Earlier imports stay in Moment")] if self.kept else []
        return joined(*brought, *stays, *(each.why for each in self.skipped))


class Expenses:
    """Creates the expenses of changed vouchers, and updates earlier ones."""

    batch_size = 10
    sends_together = False

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._rates_are_new = False

    def prepare(self, job: SyncJob) -> PreparedVoucher | Success:
        """Read a voucher and decide which expenses it should have in Moment."""
        voucher = job.record.id
        lines = self._context.erp.supplier_voucher(voucher)
        name = title_of(voucher, lines)
        if lines:
            self._context.note_summary(voucher_summary(lines, supplier_invoice_of(lines)))
        with naming_record(name):
            self._refuse_set_aside(job.record)
            known = self._known(voucher, lines, outcome_unknown=job.outcome_unknown)
            found = self._costs(lines, known)
            if not found.costs and not known:
                return replace(_nothing_to_sync(found.left_alone), title=name)
            files = self._files(lines) if found.costs else VoucherFiles()
            again = self._recheck_after(supplier_invoice_of(lines).day) if files.pending else None
            if files.held_back and not known:
                waits = skipped(msg("The document is awaiting approval"), error_code="not_approved", title=name)
                return replace(waits, recheck_after=again)
            supply = self._supplier_invoice(lines, files) if found.costs else None
            if supply:  # only its documents may say who it is
                self._context.note_summary(voucher_summary(lines, supply))
            drafts = drafts_of(voucher, found.costs, supply, settings=self._context.settings) if supply else {}
            stem = stem_of(supply.name if supply else "", voucher)
            excluded = {key_of(voucher, *place) for place in found.excluded}
            kept = [key for key in _in_moment(known) if key in excluded and key not in drafts]
            return PreparedVoucher(job, name, drafts, known, kept, files, stem, found.left_alone, again)

    def _refuse_set_aside(self, voucher: Record) -> None:
        """Refuse a voucher with former links: an expense in Moment may be that of another client's voucher."""
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
        return [error_as_value(item.title, self._sync, item) for item in batch]

    def _known(
        self, voucher: str, lines: Sequence[LedgerLine], *, outcome_unknown: bool
    ) -> Mapping[str, tuple[str, Link]]:
        """Return the expenses of the voucher in Moment, by our key.

        An expense that an interrupted attempt created is linked first, as its cost may have been reversed since.
        One that it removed loses its link, as its cost may be back; so does a former link of another company.
        """
        known = self._context.links_by_prefix(EntityType.EXPENSE, f"{voucher}/")
        unclear = {key for key, (_, link) in known.items() if link.fingerprint in (REMOVING, RESUMED)}
        if outcome_unknown:
            keys = {key_of(voucher, line.project_number, line.account) for line in lines if line.project_number}
            unclear |= keys - known.keys()
        for key in sorted(unclear):
            linked = known[key][0] if key in known else None
            found = self._context.moment.find_expense(external_id(key))
            if linked and linked != found:
                self._context.remove_link(Record(EntityType.EXPENSE, linked))
            if found and linked != found:
                self._context.save_link(Record(EntityType.EXPENSE, found), remote_id=key)
        return self._context.links_by_prefix(EntityType.EXPENSE, f"{voucher}/") if unclear else known

    def _costs(self, lines: Sequence[LedgerLine], known: Mapping[str, tuple[str, Link]]) -> VoucherCosts:
        """Return what becomes of the lines.

        Raises :class:`RejectedError` if that is unclear: a person has to decide about the expenses.
        """
        if not lines and _in_moment(known):
            raise _voucher_gone()
        found = self._costs_by_rates(lines)
        if found.unclear and not self._rates_are_new:  # a VAT code may just have been set up
            self._context.erp.forget(SetupPart.VAT_CODES)
            self._rates_are_new = True
            found = self._costs_by_rates(lines)
        if found.unclear:
            raise _vat_unclear(found.unclear)
        return found

    def _costs_by_rates(self, lines: Sequence[LedgerLine]) -> VoucherCosts:
        rates = rates_of(self._context.erp.vat_codes()) if needs_rates(lines) else {}
        return costs_of(
            lines, settings=self._context.settings, project_id=self._context.project_of_costs, rates=rates
        )

    def _sync(self, item: PreparedVoucher) -> Success:
        """Create, update or remove each expense; the error of one is raised after the others are done."""
        steps, changed = Steps(item.title), False
        expense_ids: list[str] = []
        for key, draft in item.drafts.items():
            if done := steps.take(self._sync_one, item, key, draft):
                expense_ids += filter(None, done[:1])
                changed |= done[1]
        for key, (expense_id, link) in item.known.items():
            if key not in item.drafts and key not in item.kept:
                changed |= bool(steps.take(self._remove, expense_id, link))
        changed |= sync_files(self._context, expense_ids, item.files.approved, stem=item.stem, steps=steps)
        steps.raise_errors()
        return _success(item, changed=changed)

    def _sync_one(self, item: PreparedVoucher, key: str, draft: ExpenseDraft) -> tuple[str, bool]:
        """Sync one expense. Return its id, empty if it was deleted in Moment, and whether anything was done."""
        expense_id, link = item.known.get(key, ("", None))
        sent = _fingerprint(draft)
        if link and link.fingerprint == MISSING:
            return "", False
        if link and link.fingerprint == sent and not item.job.outcome_unknown:
            return expense_id, False
        expense_id, sent = self._save(expense_id, draft, sent)
        self._context.save_link(Record(EntityType.EXPENSE, expense_id), remote_id=key, fingerprint=sent)
        return (expense_id if sent != MISSING else ""), True

    def _save(self, expense_id: str, draft: ExpenseDraft, sent: str) -> tuple[str, str]:
        """Create or update an expense. Return its id, and the fingerprint for its link."""
        moment, name = self._context.moment, self._context.settings.expense_activity
        known = expense_id or moment.find_expense(draft.external_id)
        self._context.renew_lease()
        if not known:
            activity = moment.activity(draft.project_id, name)
            return moment.create_expense(replace(draft, activity_id=activity)), sent
        try:
            return known, sent if moment.update_expense(known, draft, activity=name) else MISSING
        except RejectedError as error:
            now = msg("The ledger now shows {amount} kroner.", amount=format_kroner(draft.amount))
            raise _too_late(error, now) from error

    def _remove(self, expense_id: str, link: Link) -> bool:
        """Remove an expense whose line was removed from the ledger, hidden, or moved to another project.

        The removal is saved beforehand: if the response is lost, the missing expense is known to be our own
        deletion.
        """
        if link.fingerprint == MISSING:
            return False
        record = Record(EntityType.EXPENSE, expense_id)
        self._context.renew_lease()
        self._context.save_link(record, remote_id=link.remote_id, fingerprint=REMOVING)
        try:
            self._context.moment.delete_expense(expense_id)
        except RejectedError as error:
            raise _too_late(error, msg("It is no longer in the ledger.")) from error
        self._context.remove_link(record)
        return True

    def _files(self, lines: Sequence[LedgerLine]) -> VoucherFiles:
        stamps = sorted(stamps_of(lines))
        files = self._context.erp.files_of(stamps)
        return merged(files[stamp] for stamp in stamps)

    def _supplier_invoice(self, lines: Sequence[LedgerLine], files: VoucherFiles) -> SupplierInvoice:
        """Return the supplier of the voucher: from its supplier line, its documents, or the customer list (S7)."""
        supplier, invoice_number = read_off(files)
        owed = next((line for line in in_force(lines) if line.account in SUPPLIER_ACCOUNTS), None)
        if owed and owed.customer_number and not owed.customer_name and not supplier:
            company = self._context.erp.company(owed.customer_number)
            supplier = company.name if company else ""
        return supplier_invoice_of(lines, supplier=supplier, invoice_number=invoice_number)

    def _recheck_after(self, day: date) -> timedelta | None:
        """Check a new voucher often and an old one rarely, until no document can be expected."""
        age = timedelta(days=(self._context.clock().date() - day).days)
        return min(max(timedelta(hours=1), age / 4), timedelta(days=1)) if age <= APPROVAL_TIMEOUT else None


def _in_moment(known: Mapping[str, tuple[str, Link]]) -> list[str]:
    """Return the expenses that, as far as known, were not deleted in Moment."""
    return [key for key, (_, link) in known.items() if link.fingerprint != MISSING]


def _fingerprint(draft: ExpenseDraft) -> str:
    """Hash what the ledger decides about an expense; activity and billing are up to the project."""
    return fingerprint(replace(draft, activity_id="", billable=False))


def _success(item: PreparedVoucher, *, changed: bool) -> Success:
    if changed and item.drafts:
        return Success(Outcome.SYNCED, item.title, item.message, recheck_after=item.recheck_after)
    if changed:
        told = item.message or msg("Its expenses were removed")
        return skipped(told, error_code="removed", title=item.title)
    if item.kept and not item.drafts:
        return skipped(item.message, error_code="kept", title=item.title)
    message = item.message if item.kept else ""
    return Success(Outcome.UNCHANGED, item.title, message, recheck_after=item.recheck_after)


def _nothing_to_sync(left_alone: Sequence[SkippedLine]) -> Success:
    """Return why a voucher becomes nothing, with the code of the line that came closest to an expense."""
    if not left_alone:
        return skipped(msg("It has no costs or isn't in the ledger"), error_code="no_costs")
    error_code = max((each.error_code for each in left_alone), key=CLOSEST_FIRST.index)
    return skipped(joined(*(each.why for each in left_alone)), error_code=error_code)


def _too_late(error: RejectedError, now: Message) -> RejectedError:
    return RejectedError(
        msg("{now} {problem}", now=now, problem=error.message),
        error_code=error.error_code,
        remedy=msg("Correct it manually where it was invoiced, then mark this as resolved."),
    )


def _vat_unclear(cost: SkippedLine) -> RejectedError:
    return RejectedError(
        cost.why,
        error_code=cost.error_code,
        remedy=msg(
            "Correct the VAT of the voucher in 24SevenOffice, and its expenses are imported automatically. If "
            "it is "
            "right as it is, enter them in Moment manually and mark this as resolved."
        ),
    )


def _voucher_gone() -> RejectedError:
    return RejectedError(
        msg("24SevenOffice no longer shows any line of this voucher. Its expenses stay in Moment."),
        error_code="voucher_gone",
        remedy=msg("Look for it in 24SevenOffice: retry if it is there, else delete its expenses in Moment."),
    )
