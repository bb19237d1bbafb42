"""The settings of a connection, with an ETag, so that concurrent changes are not overwritten."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response, status
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from i18n.messages import msg
from models.connections.repository import SECRET_FIELDS, Connection
from models.connections.settings import ConnectionSettings, first_days_to_confirm, secrets_to_reenter
from models.users.tokens import TokenScope
from web.api.caller import Caller, RequireScope, accepted
from web.api.common_types import Body, ConnectionId
from web.api.connections import expect_consistent
from web.api.problems import ProblemError, field_errors
from web.views.diagnostics import known_accounts
from web.views.settings_form import unknown_accounts
from worker import dispatch

router = APIRouter(tags=["Connections"])

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_READ))]
Writing = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_WRITE))]
ETAG = {"ETag": {"description": "Version of the settings, for `If-Match`", "schema": {"type": "string"}}}
FIRST_DAY = msg("From which date? Send it too. Anything dated earlier is skipped.")


def _fields(*, optional: bool) -> dict[str, Any]:
    """Return the settings as fields of a model: all except the secrets, or all of them as optional."""
    fields: dict[str, Any] = {}
    for name, setting in ConnectionSettings.model_fields.items():
        info: dict[str, Any] = {"title": str(setting.title), "description": setting.description}
        if optional:
            limits = Field(default_factory=lambda: None, **info)
            limited = Annotated[setting.annotation, *setting.metadata] if setting.metadata else setting.annotation
            fields[name] = (limited, limits)
        elif name not in SECRET_FIELDS:
            fields[name] = (setting.annotation, Field(**info))
    return fields


Settings: Any = create_model(
    "Settings", __doc__="The settings of a connection, without its secrets.", **_fields(optional=False)
)


class _Change(Body):
    model_config = ConfigDict(str_strip_whitespace=True)


SettingsChange: Any = create_model(
    "SettingsChange",
    __doc__="The settings to change. Omitted settings stay unchanged.",
    __base__=_Change,
    **_fields(optional=True),
)


class PendingChange(BaseModel):
    """A change that takes effect once both systems accept it."""

    operation_id: int = Field(description="Id of the operation that verifies and then saves the settings")


@router.get(
    "/connections/{connection_id}/settings",
    operation_id="getSettings",
    response_model=Settings,
    responses={200: {"headers": ETAG}},
)
def get_settings(caller: Reading, connection_id: ConnectionId, response: Response) -> Any:  # noqa: ANN401 - made above
    """Get the settings of a connection. Passwords and keys are never returned."""
    connection = caller.connection(connection_id)
    response.headers["ETag"] = _etag(connection.updated_at)
    return connection.settings.model_dump(exclude=set(SECRET_FIELDS))


@router.patch(
    "/connections/{connection_id}/settings",
    operation_id="changeSettings",
    response_model=Settings | PendingChange,
    responses={
        200: {"headers": ETAG, "model": Settings},
        202: {"model": PendingChange, "description": "Accepted; saved once both systems accept the settings"},
        409: {},
        412: {},
        428: {},
    },
)
def change_settings(
    caller: Writing,
    connection_id: ConnectionId,
    change: SettingsChange,
    response: Response,
    if_match: Annotated[str | None, Header(description="ETag of the settings that you read")] = None,
) -> Any:  # noqa: ANN401 - made above
    """Change the settings of a connection. If the integration has paused it, it is resumed.

    If a token for some connections changes the user name, the identity id or the company, it must also send the
    secret. These changes are saved once both systems accept them (202). All others are saved at once (200).
    """
    connection = caller.connection(connection_id)
    if if_match is None:
        raise ProblemError("etag_missing")
    if if_match.strip() not in ("*", _etag(connection.updated_at)):
        raise ProblemError("outdated")
    values = _validate(caller, connection, change)
    if not values:
        return get_settings(caller, connection_id, response)
    if "password" in values:
        username = values.get("username", connection.settings.username)
        caller.expect_few_logins(username, values["password"].get_secret_value())
    operation_id = caller.container.save_settings(
        connection, values, actor=str(caller.actor), administers_all=caller.token.administers_all
    )
    if operation_id is not None:
        dispatch.dispatch_operations([operation_id])
        response.status_code = status.HTTP_202_ACCEPTED
        accepted(response, operation_id)
        return PendingChange(operation_id=operation_id)
    return get_settings(caller, connection_id, response)


def _validate(caller: Caller, connection: Connection, change: BaseModel) -> dict[str, Any]:
    """Return the validated settings that change, and the secrets that are sent. Raises ProblemError."""
    values = {name: getattr(change, name) for name in change.model_fields_set}
    before = connection.settings
    try:
        after = ConnectionSettings.model_validate({**dict(before), **values})
    except ValidationError as error:
        raise ProblemError("invalid", fields=field_errors(error.errors(), prefix=("body",))) from None
    expect_consistent(after)
    values = {name: getattr(after, name) for name in values}
    wrong: dict[str, str] = {} if caller.token.administers_all else dict(secrets_to_reenter(before, values))
    chart = known_accounts(caller.container.operations, connection, after, now=caller.now)
    wrong |= unknown_accounts(before, after, chart)
    wrong |= {name: FIRST_DAY for name in first_days_to_confirm(before, values) if name not in values}
    if wrong:
        raise ProblemError("invalid", fields={("body", name): why for name, why in wrong.items()})
    return {
        name: value for name, value in values.items() if name in SECRET_FIELDS or value != getattr(before, name)
    }


def _etag(updated_at: datetime) -> str:
    return f'"{round(updated_at.timestamp() * 1_000_000)}"'
