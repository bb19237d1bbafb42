"""Two customers, each with one object of every kind: neither may see anything of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import text

from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.enums import Role, Scope
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES
from models.schema.tables import Base
from models.schema.user_tables import SessionRow
from models.users import repository as users
from models.users import tokens
from models.users.repository import Rights
from models.users.tokens import TokenScope
from sync.error_codes import ERROR_CODES
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from worker.container import Container

OF_CONNECTIONS = ("connection_id", "job_id", "operation_id")
"""Path parameters of a connection's objects; a user who does not see the connection sees none of them."""

SECRETS = ("rival-key-4711", "rival-password-4711")
MARKS = ("Rival Holding", "Invoice 777123", "@rival.example", "https://rival.example", *SECRETS)
"""Texts that only the other customer may see."""


@dataclass(frozen=True)
class Customer:
    """A customer's connection, and the id of one object of each kind in paths."""

    connection: Connection
    ids: Mapping[str, object]


def add_objects(container: Container, connection: Connection, token: str, *, title: str) -> Customer:
    job_id = add_failed_job(container, connection, title=title)
    days = {"first": "2026-10-01", "last": "2026-10-31"}
    operation_id = container.operations.request(
        OperationType.RECONCILIATION, connection.id, input_=days, actor="test", now=NOW
    )
    rights = Rights(Role.VIEWER, Scope(frozenset({connection.id})))
    email = f"per@{connection.name.split()[0].lower()}.example"
    user = users.add(container.database, email, rights, password=None, actor=email, now=NOW)
    token_id = tokens.create(
        container.database, "ERP", scopes=frozenset(TokenScope), scope=rights.scope, actor="test", now=NOW
    )[0].id
    of_connection = {"connection_id": connection.id, "job_id": job_id, "operation_id": operation_id}
    ids: dict[str, object] = {**of_connection, "user_id": user.id, "token_id": token_id}
    ids |= add_receiver(container, connection)
    return Customer(connection, {**ids, "token": token, "error_code": next(iter(ERROR_CODES))})


def add_receiver(container: Container, connection: Connection) -> dict[str, object]:
    url, scope = f"https://{connection.name.split()[0].lower()}.example", Scope(frozenset({connection.id}))
    receiver, _ = container.receivers.add(url, EVENT_TYPES, scope, actor="test", now=NOW)
    container.receivers.test(receiver.id, now=NOW)
    (delivery,) = deliveries.log_page(container.database, receiver.id, key=None).lines
    return {"receiver_id": receiver.id, "delivery_id": delivery.id}


def add_rival(container: Container) -> Customer:
    key, password = map(SecretStr, SECRETS)
    own = {"moment_company": "rival", "username": "bridge@rival.example", "error_emails": ("books@rival.example",)}
    connection, token = container.connections.add(
        "Rival Holding", settings(moment_api_key=key, password=password, **own), actor="eva@rival.example", now=NOW
    )
    return add_objects(container, connection, token, title="Invoice 777123")


def content_hashes(container: Container, of: Customer | None = None) -> dict[str, str]:
    """Return a hash of each table, for one customer or for all, without sessions."""
    hashed = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} t {}"
    with container.database.transaction() as session:
        return {table: session.scalar(text(hashed.format(table, which))) for table, which in _tables(of)}


def _tables(of: Customer | None) -> Iterator[tuple[str, str]]:
    for table in Base.metadata.sorted_tables:
        if of is None and table.name != SessionRow.__tablename__:
            yield table.name, ""
        elif of and "connection_id" in table.columns:
            yield table.name, f"WHERE connection_id = {of.connection.id}"
    if of:
        yield "connections", f"WHERE id = {of.connection.id}"
        yield "attempts", f"WHERE job_id = {of.ids['job_id']}"
