"""The doctor's visits: what it looks at is gathered here, and its findings are made ready to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import audit, finds, links, notifications, waiting
from models.words import Kind, Lane
from sync.doctor import examining
from sync.doctor.checkups.login import enter
from sync.doctor.findings import Patient
from worker.wiring import clock

if TYPE_CHECKING:
    from models.connections import Connection
    from models.settings import ConnectionSettings
    from sync.doctor.examining import Report
    from sync.records import Identity
    from worker.wiring import Bridge


def check(bridge: Bridge, settings: ConnectionSettings) -> Identity:
    """Ask Moment something, log in to 24SevenOffice, and tell which client of it the settings lead to.

    Where they name none, it is the only one that the login reaches.

    Raises:
        Misconfigured: Moment's key, the login or the identity is wrong, or there are several to choose from.
        Unavailable: a system does not answer now.
    """
    next(iter(bridge.moment(settings).changed(Kind.CUSTOMER, since=clock())), None)
    erp = bridge.erp(settings)
    identity = enter(erp)
    erp.fiscal_years()
    return identity


def examine(bridge: Bridge, connection: Connection) -> Report:
    """Have the doctor look at a connection as it is; nothing is written anywhere."""
    return examining.examine(patient_of(bridge, connection))


def patient_of(bridge: Bridge, connection: Connection) -> Patient:
    """Gather what the doctor looks at, with nothing remembered of either system."""
    database, invoices = bridge.database, Lane(connection.id, Kind.INVOICE)
    return Patient(
        connection.settings,
        moment=bridge.moment(connection.settings),
        erp=bridge.erp(connection.settings, login_of=connection.id),
        now=clock(),
        notified=notifications.latest(database, connection.id),
        missed=finds.count(database, connection.id, now=clock()),
        invoices_waiting=waiting.in_lane(database, invoices),
        last_invoice=links.latest(database, connection.id, Kind.INVOICE),
        key_saved=audit.secret_saved_at(database, connection.id, "moment_api_key"),
    )
