"""The rehearsal: tries out by writing what the doctor cannot see by reading, on records that it makes for it.

Only for a client and a company that are there to be tested with, and only after a person has said so. Everything
it makes carries a name that says what it is. An expense is removed again. A customer that vouchers carry, a
project and a voucher cannot be, so the voucher is followed by its reversal, and the others are taken again the
next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind
from sync.doctor.findings import safely
from sync.doctor.rehearsals import expenses, registers, vouchers
from sync.doctor.rehearsals.traces import NAME, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from language.said import Said
    from sync.doctor.findings import Finding, Patient
    from sync.doctor.rehearsals.traces import Traces


def plan(patient: Patient) -> Iterator[Said]:
    """Tell what a rehearsal makes, and what of it stays."""
    yield say(
        "In 24SevenOffice, called “{name}”: a customer, and project {number}; both stay.",
        name=NAME,
        number=registers.PROJECT,
    )
    if patient.brings(Kind.INVOICE) and patient.settings.posting == "draft":
        yield say("In 24SevenOffice, a voucher of 1 krone in a journal, which a person is to delete there.")
    elif patient.brings(Kind.INVOICE):
        yield say(
            "In 24SevenOffice, a voucher of 1 krone and its reversal, posted; both stay, and the series of "
            "outgoing invoices goes on after them."
        )
    if patient.brings(Kind.CUSTOMER):
        yield say("In Moment, a customer is given the number that it has already.")
    if patient.brings(Kind.EXPENSE):
        yield say(
            "In Moment, an activity in some project, which stays, and an expense of 1 krone, which is removed."
        )


def rehearse(patient: Patient, traces: Traces) -> Iterator[Finding]:
    """Try out one thing after the other, and tell of each as soon as it is known; what fails ends nothing else.

    ``traces`` knows at every moment what is left behind.
    """
    stage = Stage(patient, traces)
    yield from safely("rehearsing.books", _books(stage))
    if patient.brings(Kind.CUSTOMER):
        yield from safely("registers.customer_number", registers.customer_number(stage))
    if patient.brings(Kind.EXPENSE):
        yield from safely("expenses.expense", expenses.expense(stage))


def _books(stage: Stage) -> Iterator[Finding]:
    patient = stage.patient
    customer_number = yield from registers.customer(stage)
    if customer_number is None:
        return
    project_number = None
    if patient.brings(Kind.PROJECT):
        project_number = yield from registers.project(stage, customer_number)
    if patient.brings(Kind.INVOICE):
        carried = patient.settings.factoring_id or customer_number
        yield from vouchers.voucher(stage, customer_number=carried, project_number=project_number)
