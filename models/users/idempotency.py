"""Idempotent requests: a request that a program repeats with the same key is processed once."""

import hashlib
import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from models.connections.vault import Vault
from models.database import Database
from models.schema.user_tables import IdempotencyKeyRow

RESPONSE_RETENTION = timedelta(hours=24)
"""How long the response to a request is kept and returned to repetitions."""

MAX_KEYS = 10_000
"""Maximum number of a token's requests whose responses are stored."""

ABANDONED_AFTER = timedelta(minutes=2)
"""The age at which a request without a response counts as lost: longer than any request takes."""

BATCH_SIZE = 500

PURPOSE = "idempotency_keys.response"
"""The encryption purpose of a response, beside its token and key: it may contain a secret that is shown once."""


class KeyReusedError(Exception):
    """The key was used with another request before."""


class KeyInUseError(Exception):
    """The same request is still in progress."""


class TooManyKeysError(Exception):
    """``MAX_KEYS`` responses of the token are already kept."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request, identified by its token and the hashes of its key and its content."""

    token_id: int
    key: str
    fingerprint: str

    @classmethod
    def of(cls, token_id: int, key: str, *content: bytes) -> "RequestKey":
        digest = hashlib.sha256()
        for part in content:
            digest.update(len(part).to_bytes(8) + part)
        return cls(token_id, hashlib.sha256(key.encode()).hexdigest(), digest.hexdigest())


class IdempotencyKeys:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def begin(self, request: RequestKey, *, now: datetime) -> str | None:
        """Save that a request is in progress; if it has a response already, return that.

        Raises KeyReusedError, KeyInUseError or TooManyKeysError.
        """
        row, same_key = IdempotencyKeyRow, self._of(request)
        values = {"fingerprint": request.fingerprint, "started_at": now, "response": None}
        insertion = insert(row).values(token_id=request.token_id, key=request.key, **values)
        old = (row.started_at <= now - RESPONSE_RETENTION) | (
            row.response.is_(None) & (row.started_at <= now - ABANDONED_AFTER)
        )
        upsert = insertion.on_conflict_do_update(index_elements=["token_id", "key"], set_=values, where=old)
        with self._database.transaction() as session:
            if session.scalar(upsert.returning(row.key)):
                count = select(func.count()).where(row.token_id == request.token_id)
                if session.scalars(count).one() > MAX_KEYS:
                    raise TooManyKeysError  # rolls back the insert
                return None
            known = session.execute(select(row.fingerprint, row.response).where(*same_key)).one_or_none()
        if known is None:  # it has just failed, and can be sent again
            raise KeyInUseError
        if known.fingerprint != request.fingerprint:
            raise KeyReusedError
        try:
            return str(json.loads(self._decrypted(request.token_id, request.key, known.response))["response"])
        except InvalidToken:
            raise KeyInUseError from None

    def complete(self, request: RequestKey, response: str, connections: Collection[int] = ()) -> None:
        """Save the response to a request, with the ids of the connections that it is about."""
        response = json.dumps({"response": response, "connections": sorted(connections)})
        encrypted = self._vault.encrypt(response, PURPOSE, request.token_id, request.key)
        self._database.execute(update(IdempotencyKeyRow).where(*self._of(request)).values(response=encrypted))

    def delete(self, request: RequestKey) -> None:
        """Delete a request that had no effect, so that it can be repeated."""
        self._database.execute(delete(IdempotencyKeyRow).where(*self._of(request)))

    def delete_old(self, *, now: datetime) -> None:
        self._database.execute(
            delete(IdempotencyKeyRow).where(IdempotencyKeyRow.started_at <= now - RESPONSE_RETENTION)
        )

    def delete_of_connection(self, connection_id: int) -> None:
        """Delete the responses about an erased connection. Undecryptable responses are deleted after a day."""
        row = IdempotencyKeyRow
        complete = select(row.token_id, row.key, row.response).where(row.response.is_not(None))
        with self._database.transaction() as session:
            for token_id, key, response in session.execute(complete.execution_options(yield_per=BATCH_SIZE)):
                with suppress(InvalidToken):
                    if connection_id in json.loads(self._decrypted(token_id, key, response))["connections"]:
                        session.execute(delete(row).where(row.token_id == token_id, row.key == key))

    def rotate_keys(self) -> None:
        """Encrypt the responses again; responses that no key decrypts stay until they are deleted after a day."""
        complete = select(IdempotencyKeyRow).where(IdempotencyKeyRow.response.is_not(None))
        with self._database.transaction() as session:
            for row in session.scalars(complete.with_for_update()):
                with suppress(InvalidToken):
                    row.response = self._vault.renew(row.response or "", PURPOSE, row.token_id, row.key)

    def _decrypted(self, token_id: int, key: str, response: str | None) -> str:
        if response is None:
            raise KeyInUseError
        return self._vault.decrypt(response, PURPOSE, token_id, key)

    @staticmethod
    def _of(request: RequestKey) -> tuple[Any, ...]:
        return IdempotencyKeyRow.token_id == request.token_id, IdempotencyKeyRow.key == request.key
