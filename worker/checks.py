"""Whether a connection's settings lead into both systems, found out by going there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.words import Kind
from sync.errors import Misconfigured
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.settings import ConnectionSettings
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
    reached = {identity.id: identity for identity in erp.identities() if identity.usable}
    identity_id = erp.identity_id()
    if identity_id not in reached:
        raise _unreachable(identity_id, reached.values())
    bridge.erp(settings.model_copy(update={"identity_id": identity_id})).fiscal_years()
    return reached[identity_id]


def _unreachable(identity_id: str, reached: Iterable[Identity]) -> Misconfigured:
    choices = ", ".join(f"{identity.client} ({identity.id})" for identity in reached)
    return Misconfigured(
        f"The login does not reach the identity {identity_id}.",
        reason="identity",
        remedy=f"It reaches {choices}." if choices else "Correct user name and password.",
    )
