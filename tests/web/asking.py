"""Customers and projects of which it is asked who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import questions
from models.questions import Candidate
from models.words import Kind, Record, State
from tests.factories import NOW
from tests.models.lanes import settled

if TYPE_CHECKING:
    from tests.web.conftest import Web
    from worker.wiring import Bridge

CANDIDATES = (
    Candidate("10234", "Nordlys Oslo", "923609016", "oslo@nordlys.example"),
    Candidate("10235", "Nordlys <Bergen>", "923609016", note="inactive"),
    Candidate("10236", "Nordlys Tromsø", "923609016", note="taken"),
)


def asked(web: Web, bridge: Bridge, kind: Kind = Kind.CUSTOMER, *candidates: Candidate) -> int:
    """Have a change that waits to be told which record it is."""
    reason = "which_customer" if kind is Kind.CUSTOMER else "project_taken"
    change_id = settled(
        bridge.database, web.connection.id, Record(kind, "7"), state=State.STUCK, title="It", reason=reason
    ).id
    questions.ask(bridge.database, change_id, candidates or CANDIDATES, now=NOW)
    return change_id
