"""The caller of the API: a token with its scopes and its connections."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from i18n.catalog import Language
from i18n.messages import msg, translate
from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.database import Database
from models.enums import Scope
from models.users.tokens import Token, TokenScope
from web.api import rate_limit
from web.api.problems import ProblemError, invalid, language_of
from web.dependencies import MAX_ID, is_number
from worker import dispatch
from worker.container import Container

M = TypeVar("M", bound=BaseModel)

UNKNOWN, MAX_NAMED = msg("Unknown parameter."), 10


@dataclass(frozen=True)
class Caller:
    token: Token
    container: Container
    language: Language

    @property
    def database(self) -> Database:
        return self.container.database

    @property
    def now(self) -> datetime:
        return self.container.clock()

    @property
    def scope(self) -> Scope:
        return self.token.scope

    @property
    def actor(self) -> str:
        return self.token.actor

    def connection(self, connection_id: int) -> Connection:
        """Read a connection, even an unreadable one. Raises UnknownConnectionError."""
        return self.container.connections.get_even_unreadable(connection_id)

    def translate(self, text: str) -> str:
        return translate(text, self.language)

    def build_from(self, model: type[M], source: object, **others: object) -> M:
        """Make a response of an object: each field from its attribute of that name, except the given ``others``.

        Sentences are in the requested language.
        """
        names = model.model_fields.keys() - others.keys()
        return model.model_validate(
            {name: self._translate_texts(getattr(source, name)) for name in names} | others
        )

    def _translate_texts(self, value: object) -> object:
        if isinstance(value, list | tuple):
            return [self._translate_texts(each) for each in value]
        return self.translate(value) if isinstance(value, str) else value

    def request_operation(
        self, type_: OperationType, connection_id: int, *, input_: Mapping[str, str] | None = None
    ) -> int:
        operation_id = self.container.operations.request(
            type_, connection_id, input_=input_, actor=str(self.actor), now=self.now, by_program=True
        )
        dispatch.dispatch_operations([operation_id])
        return operation_id

    def expect_few_logins(self, username: str, password: str) -> None:
        """Raise LoginTriesError if too many passwords of a user name were tried, on all connections together."""
        container = self.container
        rate_limit.expect_few_logins(
            container.redis, container.vault, self.token.id, username, password, now=self.now
        )

    def expect_allowed(self, connection_id: int) -> None:
        """Raise ProblemError (404) if the token does not cover a connection."""
        if not self.scope.allows(connection_id):
            raise ProblemError("not_found")


@dataclass(frozen=True)
class RequireScope:
    """Accepts tokens with ``scope`` that cover all connections (``everywhere``) or the one in the path."""

    scope: TokenScope
    everywhere: bool = False

    async def __call__(self, request: Request) -> Caller:
        token: Token = request.state.token
        caller = Caller(token, request.state.container, language_of(request))
        if self.scope not in token.scopes:
            challenge = f'Bearer realm="api", error="insufficient_scope", scope="{self.scope}"'
            detail = msg("The API token doesn't have the scope {scope}.", scope=self.scope)
            raise ProblemError("scope_missing", detail, headers={"WWW-Authenticate": challenge})
        if self.everywhere and token.scope.connections is not None:
            raise ProblemError("all_connections_needed")
        if "connection_id" in request.path_params:
            named = request.path_params["connection_id"]
            if not is_number(named, digits=len(str(MAX_ID))):
                raise ProblemError("not_found")
            caller.expect_allowed(int(named))
        _expect_known(request)
        await _expect_no_body(request)
        return caller


def _expect_known(request: Request) -> None:
    """Raise ProblemError for an unknown query parameter: a misspelt filter would match everything."""
    known: Mapping[tuple[str, str], set[str]] = request.app.query_names
    allowed = known[request.scope["route"].path, request.method.lower()]
    if unknown := sorted(set(request.query_params) - allowed):
        raise ProblemError("invalid", fields={("query", name): UNKNOWN for name in unknown[:MAX_NAMED]})


async def _expect_no_body(request: Request) -> None:
    """Raise ProblemError for a body that the endpoint would ignore."""
    if request.scope["route"].body_field is None and (await request.body()).strip() not in (b"", b"{}"):
        raise invalid("body", msg("This request doesn't take a body."))


def accepted(response: Response, operation_id: int) -> None:
    """Set the ``Location`` header of a 202 response to the URL of the operation."""
    response.headers["Location"] = f"/api/v1/operations/{operation_id}"
