"""Posted costs of 24SevenOffice become expenses on Moment's projects, with their documents, exactly once.

A voucher becomes one expense for each project and account that it has costs on. What was brought is known by its
links; a link whose expense someone deleted in Moment stays, so that it is not brought again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from language.said import listed, say
from models.words import Kind, Outcome, Record
from sync.costs import GONE, costs_of, drafts_of, external_id, key_of, supply_of, title_of
from sync.desk import fingerprint
from sync.documents import bring_files, read_off, stem_of, together
from sync.errors import Rejected, SyncError, about, caught
from sync.outcomes import UNCHANGED, Done, skipped
from sync.purchases import SUPPLIERS, stamps_of
from sync.records import VoucherFiles
from sync.vouchers import kroner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from language.said import Said
    from models.inbox import Change
    from models.links import Link
    from sync.costs import LeftAlone, Supply
    from sync.desk import Desk
    from sync.purchases import LedgerLine
    from sync.records import ExpenseDraft

NEARNESS = ("not_listed", "before_first_day", "no_project", "unknown_project")
"""Why a line does not become an expense, the farthest from it first."""

APPROVAL = timedelta(days=90)
"""How long a document may wait for its approval and still be looked at again without a change in the ledger."""


@dataclass(frozen=True, slots=True)
class Work:
    """A voucher whose expenses are to be brought: what is wanted, by our key, and what is there already."""

    change: Change
    title: str
    drafts: Mapping[str, ExpenseDraft]
    known: Mapping[str, tuple[str, Link]]
    files: VoucherFiles
    stem: str
    left_alone: Sequence[LeftAlone]
    look_again: timedelta | None

    @property
    def message(self) -> Said:
        """What becomes of the voucher, for a person."""
        brought = [
            say("{description}: {amount} kroner", description=draft.description, amount=kroner(draft.amount))
            for draft in self.drafts.values()
        ]
        return listed(*brought, *(each.why for each in self.left_alone))


class Expenses:
    """Brings the expenses of changed vouchers, and puts right those brought before."""

    batch = 10
    together = False

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def prepare(self, change: Change) -> Work | Done:
        """Read a voucher and see which expenses it should be in Moment."""
        voucher = change.record.id
        lines = self._desk.erp.purchase(voucher)
        known = self._known(voucher, lines, uncertain=change.uncertain)
        name = title_of(voucher, lines)
        with about(name):
            costs, left_alone = costs_of(lines, settings=self._desk.settings, project_id=self._project_id)
            if not costs and not known:
                return replace(_nothing_to_bring(left_alone), title=name)
            files = self._files(lines) if costs else VoucherFiles()
            again = self._look_again(lines[0].day) if files.waiting else None
            if files.held_back and not known:
                waits = skipped(say("Its document waits for approval"), reason="not_approved", title=name)
                return replace(waits, look_again=again)
            supply = self._supply(lines, files) if costs else None
            drafts = drafts_of(voucher, costs, supply, settings=self._desk.settings) if supply else {}
            stem = stem_of(supply.name if supply else "", voucher)
            return Work(change, name, drafts, known, files, stem, left_alone, again)

    def send(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        """Bring the expenses of one voucher after the other."""
        return [caught(work.title, self._bring, work) for work in works]

    def _known(
        self, voucher: str, lines: Sequence[LedgerLine], *, uncertain: bool
    ) -> Mapping[str, tuple[str, Link]]:
        """Tell the expenses that the voucher has in Moment, by our key.

        One that an attempt which broke off has made is linked first: its cost may have been taken back since.
        """
        known = self._desk.links_starting(Kind.EXPENSE, f"{voucher}/")
        if not uncertain:
            return known
        keys = {key_of(voucher, line.project_number, line.account) for line in lines if line.project_number}
        for key in sorted(keys - known.keys()):
            if found := self._desk.moment.find_expense(external_id(key)):
                self._desk.save_link(Record(Kind.EXPENSE, found), remote_id=key)
        return self._desk.links_starting(Kind.EXPENSE, f"{voucher}/")

    def _bring(self, work: Work) -> Done:
        """Bring, put right or remove each expense; what fails for one is told after the others are done."""
        steps = [caught(work.title, self._bring_one, work, key, draft) for key, draft in work.drafts.items()]
        steps += [
            caught(work.title, self._take_away, expense_id, link)
            for key, (expense_id, link) in work.known.items()
            if key not in work.drafts
        ]
        if errors := [step for step in steps if isinstance(step, SyncError)]:
            errors[0].in_doubt = any(error.in_doubt for error in errors)
            raise errors[0]
        if not any(steps):
            return replace(UNCHANGED, title=work.title, look_again=work.look_again)
        if not work.drafts:
            return skipped(work.message or say("Its expenses were removed"), reason="removed", title=work.title)
        return Done(Outcome.SYNCED, work.title, work.message, look_again=work.look_again)

    def _bring_one(self, work: Work, key: str, draft: ExpenseDraft) -> bool:
        """Bring one expense and its files; tells whether anything had to be done."""
        expense_id, link = work.known.get(key, ("", None))
        if link and link.fingerprint == GONE:
            return False
        sent = fingerprint(draft, self._desk.settings.expense_activity)
        changed = link is None or link.fingerprint != sent
        if changed:
            expense_id, sent = self._save(expense_id, draft, sent)
            self._desk.save_link(Record(Kind.EXPENSE, expense_id), remote_id=key, fingerprint=sent)
        if sent == GONE:
            return True
        return bool(bring_files(self._desk, expense_id, work.files.approved, stem=work.stem)) or changed

    def _save(self, expense_id: str, draft: ExpenseDraft, sent: str) -> tuple[str, str]:
        """Create an expense or put it right; the answer is its id, and the fingerprint for its link."""
        moment = self._desk.moment
        known = expense_id or moment.find_expense(draft.external_id)
        self._desk.hold()
        activity = moment.activity(draft.project_id, self._desk.settings.expense_activity)
        draft = replace(draft, activity_id=activity)
        if not known:
            return moment.create_expense(draft), sent
        try:
            return known, sent if moment.update_expense(known, draft) else GONE
        except Rejected as error:
            now = say("In the ledger it is now {amount} kroner.", amount=kroner(draft.amount))
            raise _too_late(error, now) from error

    def _take_away(self, expense_id: str, link: Link) -> bool:
        """Remove an expense whose line is no longer in the ledger, hidden or on another project."""
        if link.fingerprint == GONE:
            return False
        self._desk.hold()
        try:
            self._desk.moment.delete_expense(expense_id)
        except Rejected as error:
            raise _too_late(error, say("In the ledger it is no longer there.")) from error
        self._desk.remove_link(Record(Kind.EXPENSE, expense_id))
        return True

    def _project_id(self, number: int) -> str | None:
        desk = self._desk
        return desk.moment_id(Kind.PROJECT, str(number)) or desk.moment.project_numbered(number)

    def _files(self, lines: Sequence[LedgerLine]) -> VoucherFiles:
        return together(map(self._desk.erp.files, sorted(stamps_of(lines))))

    def _supply(self, lines: Sequence[LedgerLine], files: VoucherFiles) -> Supply:
        """Tell who the voucher is from: its supplier line, else its documents, else the register (S7)."""
        supplier, invoice_number = read_off(files)
        number = next((line.supplier_number for line in lines if line.account in SUPPLIERS), None)
        named = any(line.supplier_name for line in lines if line.account in SUPPLIERS)
        if number and not supplier and not named:
            company = self._desk.erp.company(number)
            supplier = company.name if company else ""
        return supply_of(lines, supplier=supplier, invoice_number=invoice_number)

    def _look_again(self, day: date) -> timedelta | None:
        """Look often at a new voucher and seldom at an old one, until nobody can expect it any more."""
        age = timedelta(days=(self._desk.clock().date() - day).days)
        return min(max(timedelta(hours=1), age / 4), timedelta(days=1)) if age <= APPROVAL else None


def _nothing_to_bring(left_alone: Sequence[LeftAlone]) -> Done:
    """Tell why a voucher becomes nothing; in short, what comes nearest to becoming an expense."""
    if not left_alone:
        return skipped(say("It has no costs, or is not in the ledger"), reason="no_costs")
    reason = max((each.reason for each in left_alone), key=NEARNESS.index)
    return skipped(listed(*(each.why for each in left_alone)), reason=reason)


def _too_late(error: Rejected, now: Said) -> Rejected:
    return Rejected(
        say("{now} {problem}", now=now, problem=error.message),
        reason=error.reason,
        remedy=say("Correct it by hand where it was invoiced, then mark this as handled."),
    )
