"""Does what the pages ask of the remote systems: looks a connection over, compares the books, and the like."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from language.said import say
from models.base import DatabaseUnavailable
from models.errands import Asked
from sync.doctor.examining import Report
from sync.doctor.findings import bad, failed
from sync.errors import SyncError
from worker import checks, comparing, monthly, saving
from worker.wiring import clock

if TYPE_CHECKING:
    from models.errands import Answer, Errand
    from sync.doctor.findings import Finding
    from worker.wiring import Bridge

log = structlog.get_logger()


def run(bridge: Bridge, errand_id: int) -> None:
    """Run one errand and write down its answer; nothing where it is gone or has been answered."""
    errand = bridge.errands.get(errand_id)
    if errand is None or errand.answer is not None:
        return
    try:
        answer = _answer(bridge, errand)
    except DatabaseUnavailable:
        raise  # no answer could be written down; the next sweep has it run again
    except Exception:
        log.exception("errand_crashed", errand=errand_id)
        answer = as_answer(Report([_crashed()]))
    alert = monthly.news(bridge, errand, answer) if errand.asked is Asked.MONTHLY else None
    bridge.errands.answer(errand_id, answer, now=clock(), alert=alert)


def as_answer(report: Report) -> Answer:
    """Put what was found into what JSON can hold."""
    return {
        "findings": [finding.as_json() for finding in report.findings],
        "clients": [{"id": each.id, "name": each.client} for each in report.clients],
        "accounts": sorted(report.accounts),
    }


def _answer(bridge: Bridge, errand: Errand) -> Answer:
    match errand.asked:
        case Asked.EXAMINATION:
            return as_answer(_examined(bridge, errand))
        case Asked.CLIENTS:
            return as_answer(_reached(bridge, errand))
        case Asked.SAVING:
            return saving.save(bridge, errand)
        case Asked.COMPARISON | Asked.MONTHLY:
            return _compared(bridge, errand)


def _compared(bridge: Bridge, errand: Errand) -> Answer:
    connection = bridge.connections.get(errand.connection_id)
    first, last = (date.fromisoformat(errand.typed[name]) for name in ("first", "last"))
    try:
        report = comparing.compare(bridge, connection, first, last)
    except SyncError as error:
        return as_answer(Report([failed(error)]))
    return {"findings": [], "report": report.as_json()}


def _examined(bridge: Bridge, errand: Errand) -> Report:
    return checks.examine(bridge, bridge.connections.get(errand.connection_id))


def _reached(bridge: Bridge, errand: Errand) -> Report:
    """Ask which clients the login reaches that was typed; never with the password that is saved."""
    known = bridge.connections.get(errand.connection_id).settings
    login = {"username": errand.typed["username"], "password": SecretStr(errand.typed["password"])}
    erp = bridge.erp(known.model_copy(update={**login, "identity_id": ""}))
    try:
        usable = [identity for identity in erp.identities() if identity.usable]
    except SyncError as error:
        return Report([failed(error)])
    return Report([] if usable else [_nobody()], clients=usable)


def _nobody() -> Finding:
    return bad(
        say("24SevenOffice refused the user name or password, or the login reaches no client that can be used."),
        say("Correct user name and password."),
        setting="password",
    )


def _crashed() -> Finding:
    return bad(
        say("The bridge itself failed on this."),
        say("Please tell whoever runs the bridge; the log says more."),
    )
