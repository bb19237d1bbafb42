"""Saves settings that may open another client, once both systems have accepted them.

Otherwise, an administrator of only some connections could enter another company's client with a wrong password,
and the next person to correct the password would make the integration write to that client.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from i18n.messages import msg
from models.admin.operations import OPERATION_TIMEOUT, Operation, OperationResult, OperationType
from models.connections.repository import SECRET_FIELDS, ConcurrentUpdateError, Connection, SettingRefusedError
from models.connections.settings import ConnectionSettings, secrets_to_reenter
from models.enums import EntityType, Role
from models.users import tokens
from models.users.repository import Rights
from sync.diagnostics.checks.login import log_in
from sync.diagnostics.findings import Finding, bad, failed
from sync.errors import SyncError, UnavailableError
from worker import dispatch
from worker.container import Container


@dataclass(frozen=True, slots=True)
class CheckedSettings:
    """The errors from the systems, and the 24SevenOffice client that the login reaches, if it was tried."""

    refused: Sequence[Finding]
    client_number: int | None


def save(container: Container, operation: Operation) -> OperationResult:
    """Save the entered settings if the systems accept them, and request a test; safe to run twice."""
    if wrong := [*_find_obstacles(container, operation)]:  # its input may already have been deleted
        return {"findings": [finding.as_json() for finding in wrong]}
    secrets = {name: operation.input[name] for name in SECRET_FIELDS if operation.input[name]}
    values = {**json.loads(operation.input["changes"]), **secrets}
    connection = container.connections.get_even_unreadable(operation.connection_id)
    checked = _check(container, operation, connection, values)
    if checked.refused:
        return {"findings": [finding.as_json() for finding in checked.refused]}
    seen, client_number = datetime.fromisoformat(operation.input["version"]), checked.client_number
    try:
        container.update_settings(
            connection.id, values, actor=operation.actor, seen=seen, client_number=client_number
        )
    except ConcurrentUpdateError:
        now = container.connections.get_even_unreadable(operation.connection_id).settings
        if now != _changed(now, values):  # if equal, this operation had saved them before its worker was killed
            return {"findings": [], "outdated": True}
    except SettingRefusedError as error:
        return {"findings": [bad(error.args[0], "", setting=error.setting).as_json()]}
    diagnostics = container.operations.request(
        OperationType.DIAGNOSTICS, operation.connection_id, actor=operation.actor, now=container.clock()
    )
    dispatch.dispatch_operations([diagnostics])
    return {"findings": [], "diagnostics": diagnostics}


def _changed(settings: ConnectionSettings, values: dict[str, object]) -> ConnectionSettings:
    return ConnectionSettings.model_validate({**dict(settings), **values})


def _find_obstacles(container: Container, operation: Operation) -> Iterator[Finding]:
    if operation.requested_at < container.clock() - OPERATION_TIMEOUT:
        yield bad(msg("Verifying the settings took too long."), msg("Save them again."))
    rights = _rights(container, operation)
    if not (rights and rights.role.covers(Role.ADMINISTRATOR) and rights.scope.allows(operation.connection_id)):
        yield bad(msg("The person who entered the settings no longer has permission to change them."), "")


def _rights(container: Container, operation: Operation) -> Rights | None:
    """Return the current rights of the actor, a user or an API token."""
    return tokens.rights_of(container.database, operation.actor, now=container.clock())


def _check(
    container: Container, operation: Operation, connection: Connection, values: dict[str, object]
) -> CheckedSettings:
    """Try each system whose secret was entered or whose login changes."""
    before, refused, client_number = connection.settings, [], None
    rights, settings = _rights(container, operation), _changed(before, values)
    if rights and rights.scope.connections is not None:
        refused += [bad(why, "", setting=name) for name, why in secrets_to_reenter(before, values).items()]
    if not refused and "moment_api_key" in values:
        try:
            next(iter(container.moment(settings).changed(EntityType.CUSTOMER, since=container.clock())), None)
        except SyncError as error:
            refused.append(_finding_of(error, setting="moment_api_key"))
    if not refused and ("password" in values or settings.login != before.login):
        try:
            client_number = log_in(container.erp(settings, charged_to=connection.id)).client_number or None
        except SyncError as error:
            refused.append(_finding_of(error, setting="password"))
    return CheckedSettings(refused, client_number)


def _finding_of(error: SyncError, *, setting: str) -> Finding:
    if isinstance(error, UnavailableError):
        return bad(error.message, msg("Save the settings again shortly."), setting=setting)
    found = failed(error)
    return bad(found.message, found.remedy, setting=found.setting or setting)
