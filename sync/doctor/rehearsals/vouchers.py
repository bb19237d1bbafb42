"""Tries out how 24SevenOffice keeps a voucher: posts one of 1 krone, looks it up, and posts its exact reversal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from language.said import say
from models.inbox import CRASHED
from sync.doctor.findings import bad, good, safely, unknown
from sync.doctor.rehearsals import ledger
from sync.doctor.rehearsals.ledger import Trial
from sync.doctor.rehearsals.traces import refused
from sync.errors import Misconfigured, Rejected, SyncError, Uncertain
from sync.records import Entry, Voucher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sync.doctor.findings import Finding
    from sync.doctor.rehearsals.traces import Stage
    from sync.records import PostedLine

log = structlog.get_logger()

KRONE = 100
REVENUE = range(3000, 4000)

OUT_OF_THE_WAY = 1000
"""How far above the next number of the series the voucher is numbered, where numbers are Moment's: its next
invoices keep theirs, and a number that 24SevenOffice would not have given shows whether ours are kept (S1)."""


def voucher(stage: Stage, *, customer_number: int, project_number: int | None) -> Iterator[Finding]:
    """Post a voucher of 1 krone as those of invoices, look at it in the ledger, and take it back."""
    patient = stage.patient
    years = [each for each in patient.erp.fiscal_years() if each.starts <= patient.today <= each.ends]
    year = next((each for each in years if not each.locked), None)
    account = _account(stage)
    if year is None or account is None:
        yield unknown(
            say("No voucher was tried out: it takes an open fiscal year and a revenue account."),
            say("Mend what the lines above name first."),
            tests="S1, S10, S18",
        )
        return
    number = patient.erp.next_voucher_number(patient.today)
    if patient.settings.voucher_number == "moment":
        number += OUT_OF_THE_WAY
    department = patient.settings.department
    entry = partial(Entry, customer_number=customer_number, project_number=project_number, department=department)
    entries = (
        entry(patient.settings.receivables_account, KRONE),
        entry(account[0], -KRONE, tax_code=account[1]),
    )
    tried = Voucher(number, number, patient.today, patient.today, entries, comment=stage.name)
    yield from _posted(Trial(stage, tried, year))


def _account(stage: Stage) -> tuple[int, str] | None:
    """Tell a revenue account with its VAT code: one of Moment's before others, one with VAT before others."""
    patient = stage.patient
    chart = patient.erp.tax_codes()
    try:
        theirs: Mapping[int, str] = patient.moment.account_codes()
    except (Misconfigured, Rejected):
        theirs = {}
    named = {
        account: patient.settings.vat_codes.get(account) or theirs.get(account) or chart[account]
        for account in chart
        if account in theirs or account in REVENUE
    }
    rates = patient.erp.vat_codes()
    first = min(named, key=lambda each: (not rates.get(named[each]), each not in theirs, each), default=None)
    return None if first is None else (first, named[first])


def _posted(trial: Trial) -> Iterator[Finding]:
    stage, tried = trial.stage, trial.voucher
    told = {"number": tried.number, "year": trial.year.number}
    stage.traces.begins("voucher", say("voucher {number} of {year} over 1 krone in 24SevenOffice", **told))
    error = _post(trial, tried)
    lines: list[PostedLine] = []
    if failed := list(safely("vouchers.posted", _look(trial, lines))):
        yield from failed
        if error is None and stage.patient.settings.posting == "ledger":
            _stands(trial)
            yield from _taken_back(trial)
    elif error and not lines:
        yield _not_posted(trial, error)
    elif stage.patient.settings.posting == "draft":
        yield _drafted(trial, lines)
    elif not lines:
        yield _unseen(trial)
    else:
        _stands(trial)
        yield from safely("ledger.looked_at", ledger.looked_at(trial, lines))
        yield from safely("ledger.whole", ledger.whole(trial, lines))
        yield from _taken_back(trial)


def _stands(trial: Trial) -> None:
    told = {"number": trial.voucher.number, "year": trial.year.number}
    left = say("voucher {number} of {year} over 1 krone in 24SevenOffice, which is not reversed", **told)
    trial.stage.traces.became("voucher", left)


def _look(trial: Trial, lines: list[PostedLine]) -> Iterator[Finding]:
    """Put the lines of the voucher in the ledger into a list; finds nothing by itself."""
    lines += trial.stage.patient.erp.posted(trial.voucher.invoice_number, day=trial.voucher.day)
    yield from ()


def _not_posted(trial: Trial, error: SyncError) -> Finding:
    """Tell of a refusal; the voucher is not there where the answer was clear, or the ledger would show it."""
    seen = trial.stage.patient.settings.posting == "ledger" and isinstance(error, Uncertain) and not error.silent
    if seen or not error.in_doubt:
        trial.stage.traces.gone("voucher")
    return refused(error, tests="S1, S10")


def _unseen(trial: Trial) -> Finding:
    number = trial.voucher.number
    left = say(
        "voucher {number} of {year} over 1 krone: look for it in 24SevenOffice and reverse it",
        number=number,
        year=trial.year.number,
    )
    trial.stage.traces.became("voucher", left)
    return bad(
        say(
            "24SevenOffice took voucher {number}, and the ledger does not have its invoice number.", number=number
        ),
        say(
            "Look for it in 24SevenOffice. If it waits in a journal, vouchers are not posted at once; if it has "
            "no invoice number, an invoice may be posted twice after an outage."
        ),
        tests="S9, S18",
    )


def _post(trial: Trial, voucher: Voucher) -> SyncError | None:
    try:
        trial.stage.patient.erp.post([voucher], year=trial.year.number)
    except SyncError as error:
        return error
    except Exception as error:
        log.exception("check_crashed", check="vouchers.post")
        told = say("The bridge itself failed on this record ({error}).", error=type(error).__name__)
        return Uncertain(told, reason=CRASHED)
    return None


def _drafted(trial: Trial, lines: Sequence[PostedLine]) -> Finding:
    told = {"number": trial.voucher.number, "year": trial.year.number}
    if lines:
        left = say("voucher {number} of {year} over 1 krone in 24SevenOffice: reverse it there", **told)
        trial.stage.traces.became("voucher", left)
        return bad(
            say(
                "Voucher {number} was to wait in a journal, and stands in the ledger.", number=trial.voucher.number
            ),
            say("Invoices are posted at once, whatever is set. Post them to the ledger, or ask 24SevenOffice."),
            setting="posting",
            tests="S9",
        )
    left = say("voucher {number} of {year} in a journal of 24SevenOffice: delete it there", **told)
    trial.stage.traces.became("voucher", left)
    what = say("The ledger does not show voucher {number}: it waits in a journal.", number=trial.voucher.number)
    return good(what, setting="posting", tests="S9")


def _taken_back(trial: Trial) -> Iterator[Finding]:
    stage, back = trial.stage, trial.reversal
    told = {"number": trial.voucher.number, "other": back.number, "year": trial.year.number}
    error = _post(trial, back)
    if error and not stage.patient.erp.posted(back.invoice_number, day=back.day):
        remains = say(
            "voucher {number} of {year} over 1 krone in 24SevenOffice; unless voucher {other} cancels it out, "
            "reverse it there",
            **told,
        )
        stage.traces.became("voucher", remains)
        yield refused(error, tests="S19" if stage.patient.settings.voucher_number == "series" else "S10")
        return
    both = say("vouchers {number} and {other} of {year} in 24SevenOffice, which cancel each other out", **told)
    stage.traces.became("voucher", both)
    tests = "S10, S19" if stage.patient.settings.voucher_number == "series" else "S10"
    yield good(say("Its reversal is taken as a credit note, under the number that follows."), tests=tests)
