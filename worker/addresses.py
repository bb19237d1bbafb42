"""What a change's record is called in both systems, and where a person opens it there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import integrations.moment.addresses
import integrations.twentyfour.addresses
from language.said import say
from models import places
from models.words import Kind, Record, named

if TYPE_CHECKING:
    from models.listing import ChangeView
    from worker.wiring import Bridge


@dataclass(frozen=True, slots=True)
class Place:
    """A record in one of the systems; ``address`` is empty where nobody knows it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Places:
    """A change's record in both systems: in each nothing yet, one, or the many expenses of a voucher."""

    moment: tuple[Place, ...]
    twentyfour: tuple[Place, ...]


def places_of(bridge: Bridge, change: ChangeView) -> Places:
    """Tell what a change's record is in both systems."""
    found, settings = places.of(bridge.database, change), bridge.settings
    records = (Record(change.record.kind, each) for each in found.moment)
    return Places(
        tuple(_in_moment(settings.moment_record_url, found.company, each, title=change.title) for each in records),
        tuple(_in_twentyfour(settings.twentyfour_record_url, change.record.kind, each) for each in found.remote),
    )


def _in_moment(template: str, company: str, record: Record, *, title: str) -> Place:
    name = say("Expense {name}", name=record.id) if record.kind is Kind.EXPENSE else title
    return Place(name, integrations.moment.addresses.record_address(template, company, record))


def _in_twentyfour(template: str, kind: Kind, remote_id: str) -> Place:
    """Read a number, or a voucher such as "2026/1024" or "2026-4-40001"."""
    *year, number = re.split("[/-]", remote_id)
    name = say("Voucher {number} of {year}", number=number, year=year[0]) if year else named(kind, number)
    fill = integrations.twentyfour.addresses.record_address
    return Place(name, fill(template, kind, number, year=year[0] if year else ""))
