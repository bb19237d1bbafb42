"""Has settings that may open other books take effect, once both systems have accepted them.

They are those of an administrator of some connections, who must not leave a client of somebody else behind with a
wrong password: whoever corrected the password alone would have its books written. Until then, and where a system
refuses them, the connection stays as it is.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from language.said import say
from models import users
from models.connections import SECRET_FIELDS, ChangedMeanwhile
from models.errands import WORTHWHILE, Asked
from models.settings import ConnectionSettings
from models.words import Kind, Role
from sync.doctor.checkups.login import enter
from sync.doctor.findings import bad, failed
from sync.errors import SyncError, Unavailable
from worker import dispatch
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.errands import Answer, Errand
    from sync.doctor.findings import Finding
    from worker.wiring import Bridge


def save(bridge: Bridge, errand: Errand) -> Answer:
    """Save what was typed if the systems accept it, and have it tested; safe to run twice.

    The answer tells the ``examination`` that follows, or that somebody else was faster, or what is wrong.
    """
    changes = _changes(errand)
    settings = bridge.connections.get(errand.connection_id).settings
    wanted = _with(settings, changes)
    if wrong := [*_gone(bridge, errand)] or [*_refused(bridge, wanted, typed=changes)]:
        return {"findings": [finding.as_json() for finding in wrong]}
    seen = datetime.fromisoformat(errand.typed["version"])
    try:
        bridge.change(errand.connection_id, changes, who=errand.who, seen=seen)
    except ChangedMeanwhile:
        now = bridge.connections.get(errand.connection_id).settings
        if now != _with(now, changes):  # else it was this errand, whose worker was killed before it had answered
            return {"findings": [], "outdated": True}
    examination = bridge.errands.ask(Asked.EXAMINATION, errand.connection_id, who=errand.who, now=clock())
    dispatch.nudge_errands([examination])
    return {"findings": [], "examination": examination}


def _changes(errand: Errand) -> dict[str, object]:
    secrets = {name: errand.typed[name] for name in SECRET_FIELDS if errand.typed[name]}
    return {**json.loads(errand.typed["changes"]), **secrets}


def _with(settings: ConnectionSettings, changes: dict[str, object]) -> ConnectionSettings:
    known = {name: getattr(settings, name) for name in ConnectionSettings.model_fields}
    return ConnectionSettings.model_validate({**known, **changes})


def _gone(bridge: Bridge, errand: Errand) -> Iterator[Finding]:
    """Tell whether the time for it, or the right to it, is over."""
    if errand.asked_at < clock() - WORTHWHILE:
        yield bad(say("It took too long until the settings were checked."), say("Save them again."))
    try:
        user = users.called(bridge.database, errand.who)
    except users.UnknownUser:
        user = None
    rights = user.rights if user and not user.disabled else None
    if not (rights and rights.role.covers(Role.ADMINISTRATOR) and rights.scope.allows(errand.connection_id)):
        yield bad(say("Whoever entered the settings may not change them any more."), "")


def _refused(bridge: Bridge, wanted: ConnectionSettings, *, typed: dict[str, object]) -> Iterator[Finding]:
    """Try each system whose secret was typed, and tell what it does not accept."""
    if "moment_api_key" in typed:
        try:
            next(iter(bridge.moment(wanted).changed(Kind.CUSTOMER, since=clock())), None)
        except SyncError as error:
            yield _failed(error, setting="moment_api_key")
    if "password" in typed:
        try:
            enter(bridge.erp(wanted))
        except SyncError as error:
            yield _failed(error, setting="password")


def _failed(error: SyncError, *, setting: str) -> Finding:
    if isinstance(error, Unavailable):
        return bad(error.message, say("Save the settings again in a while."), setting=setting)
    found = failed(error)
    return bad(found.what, found.remedy, setting=found.setting or setting)
