"""What became of a test, a comparison or settings to be saved; the page asks again until a worker has answered."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response, status
from fastapi.responses import RedirectResponse

from language.said import say
from models import mending
from models.errands import Asked, Errand
from models.mending import Acceptance
from models.words import Kind, Record, named
from sync.books.differences import Difference
from sync.cleaning import clean
from web.findings import Told
from web.forms import Form, text
from web.rendering import render
from web.settings_form import TITLES
from web.visitors import Operator, Visitor
from worker import comparing, dispatch
from worker.wiring import bridge, clock

router = APIRouter()

DONE = {
    "saved": say("The settings are saved."),
    "added": say("The connection is added. Nothing travels before you start it."),
    "sent": say("It is on its way. What is in the ledger already is not posted again."),
    "busy": say("A worker has this invoice in hand just now: nothing was done. Try again in a minute."),
    "brought": say("It is on its way. Moment is looked at first, so that nothing is made twice."),
    "voucher-busy": say("A worker has this voucher in hand just now: nothing was done. Try again in a minute."),
    "accepted": say("It is known from now on, and no difference as long as it stays as it is."),
    "unexplained": say("Nothing was done: say why it is accepted as known."),
    "gone": say("Nothing was done: this is no difference any more, or it cannot be sent."),
}
LARGEST = 2**63 - 1
LONGEST_REASON = 200
SHOWN = 200
"""Differences on a page; the command line tells all."""

COMPARISONS = (Asked.COMPARISON, Asked.MONTHLY)
ErrandId = Annotated[int, Path(le=LARGEST)]


@router.get("/errands/{errand_id}")
def show(request: Request, visitor: Operator, errand_id: ErrandId, done: str = "") -> Response:
    """Show what was found, or that it is being looked at."""
    errand = _errand(visitor, errand_id, Asked.EXAMINATION, Asked.SAVING, *COMPARISONS)
    if errand.asked is Asked.SAVING and errand.who != visitor.email:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    compared = errand.asked in COMPARISONS
    return render(
        request,
        visitor,
        "comparison.html" if compared else "saving.html" if errand.asked is Asked.SAVING else "errand.html",
        told=Told(errand),
        connection=bridge().connections.get(errand.connection_id),
        titles=TITLES,
        done=DONE.get(done),
        report=comparing.told(bridge(), errand) if compared else None,
        known=mending.accepted(bridge().database, errand.connection_id) if compared else {},
        shown=SHOWN,
    )


@router.post("/errands/{errand_id}/mend")
def mend(visitor: Operator, errand_id: ErrandId, form: Form) -> Response:
    """Send the invoice or voucher of a difference (again), or accept the difference as known."""
    errand = _errand(visitor, errand_id, *COMPARISONS)
    report = comparing.told(bridge(), errand)
    key = text(form, "key")
    difference = next((each for each in (report.everything if report else ()) if each.key == key), None)
    if difference is None:
        done = "gone"
    elif text(form, "action") == "send":
        done = _send(visitor, errand, difference)
    else:
        done = _accept(visitor, errand, difference, why=clean(text(form, "why"), longest=LONGEST_REASON))
    return RedirectResponse(f"/errands/{errand_id}?done={done}", status.HTTP_303_SEE_OTHER)


def _send(visitor: Visitor, errand: Errand, difference: Difference) -> str:
    if not difference.sendable:
        return "gone"
    if difference.expense:
        record, sent, busy = Record(Kind.EXPENSE, difference.vouchers[0]), "brought", "voucher-busy"
    else:
        record, sent, busy = Record(Kind.INVOICE, difference.moment_id), "sent", "busy"
    acted = mending.send(
        bridge().database,
        errand.connection_id,
        record,
        name=_name(difference),
        who=visitor.email,
        now=clock(),
        expense=difference.forgets,
    )
    dispatch.nudge(acted.lanes)
    return sent if acted.count else busy


def _accept(visitor: Visitor, errand: Errand, difference: Difference, *, why: str) -> str:
    if not why:
        return "unexplained"
    acceptance = Acceptance(difference.fingerprint, visitor.email, why, clock())
    name = _name(difference)
    mending.accept(bridge().database, errand.connection_id, difference.key, acceptance, name=name)
    return "accepted"


def _name(difference: Difference) -> str:
    if difference.moment_id and not difference.expense:
        return named(Kind.INVOICE, difference.number or difference.moment_id)
    return say("Voucher {name}", name=difference.voucher_names)


def _errand(visitor: Visitor, errand_id: int, *asked: Asked) -> Errand:
    errand = bridge().errands.get(errand_id)
    if errand is None or errand.asked not in asked or not visitor.scope.allows(errand.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return errand
