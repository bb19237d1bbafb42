"""Has settings that may open another client take effect, once both systems have accepted them.

They are those of an administrator of some connections, who must not leave a client of somebody else behind with a
wrong password: whoever corrected the password alone would have that client written to. Until then, and where a
system refuses them, the connection stays as it is.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from i18n.messages import msg
from models.admin.operations import WORTHWHILE, Operation, OperationResult, OperationType
from models.connections.repository import SECRET_FIELDS, ConcurrentUpdateError, SettingRefusedError
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Role
from models.users import repository as users
from sync.diagnostics.checks.login import log_in
from sync.diagnostics.findings import Finding, bad, failed
from sync.errors import SyncError, UnavailableError
from worker import dispatch
from worker.container import Container


def save(container: Container, operation: Operation) -> OperationResult:
    """Save what was typed if the systems accept it, and have it tested; safe to run twice.

    The answer tells the ``diagnostics`` that follows, or that somebody else was faster, or what is wrong.
    """
    if wrong := [*_expired(container, operation)]:  # then what was typed may be forgotten already
        return {"findings": [finding.as_json() for finding in wrong]}
    secrets = {name: operation.input[name] for name in SECRET_FIELDS if operation.input[name]}
    values = {**json.loads(operation.input["changes"]), **secrets}
    settings = _with(container.connections.get(operation.connection_id).settings, values)
    if wrong := [*_refused(container, settings, typed=values, connection_id=operation.connection_id)]:
        return {"findings": [finding.as_json() for finding in wrong]}
    seen = datetime.fromisoformat(operation.input["version"])
    try:
        container.update_settings(operation.connection_id, values, actor=operation.actor, seen=seen)
    except ConcurrentUpdateError:
        now = container.connections.get(operation.connection_id).settings
        if now != _with(now, values):  # else it was this operation, whose worker was killed before it had answered
            return {"findings": [], "outdated": True}
    except SettingRefusedError as error:
        return {"findings": [bad(error.args[0], "", setting=error.setting).as_json()]}
    diagnostics = container.operations.request(
        OperationType.DIAGNOSTICS, operation.connection_id, actor=operation.actor, now=container.clock()
    )
    dispatch.dispatch_operations([diagnostics])
    return {"findings": [], "diagnostics": diagnostics}


def _with(settings: ConnectionSettings, values: dict[str, object]) -> ConnectionSettings:
    return ConnectionSettings.model_validate({**dict(settings), **values})


def _expired(container: Container, operation: Operation) -> Iterator[Finding]:
    if operation.requested_at < container.clock() - WORTHWHILE:
        yield bad(msg("It took too long until the settings were checked."), msg("Save them again."))
    try:
        user = users.get_by_email(container.database, operation.actor)
    except users.UnknownUserError:
        user = None
    rights = user.rights if user and not user.disabled else None
    if not (rights and rights.role.covers(Role.ADMINISTRATOR) and rights.scope.allows(operation.connection_id)):
        yield bad(msg("Whoever entered the settings may not change them any more."), "")


def _refused(
    container: Container, settings: ConnectionSettings, *, typed: dict[str, object], connection_id: int
) -> Iterator[Finding]:
    """Try each system whose secret was typed, and return what it does not accept."""
    if "moment_api_key" in typed:
        try:
            next(iter(container.moment(settings).changed(EntityType.CUSTOMER, since=container.clock())), None)
        except SyncError as error:
            yield _failed(error, setting="moment_api_key")
    if "password" in typed:
        try:
            log_in(container.erp(settings, charged_to=connection_id))
        except SyncError as error:
            yield _failed(error, setting="password")


def _failed(error: SyncError, *, setting: str) -> Finding:
    if isinstance(error, UnavailableError):
        return bad(error.message, msg("Save the settings again in a while."), setting=setting)
    found = failed(error)
    return bad(found.message, found.remedy, setting=found.setting or setting)
