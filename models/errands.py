"""Errands: what a page asks of the remote systems, to which only workers talk, and what they answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from models.alerts import queue
from models.connections import SECRET_FIELDS
from models.locking import ALL_BUT_THE_KEY
from models.tables import ConnectionRow, ErrandRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from models.alerts import Alert
    from models.base import Database
    from models.vault import Vault

Answer = dict[str, Any]
"""What JSON can hold; sentences are in it as :func:`language.said.as_json` has them."""

WORTHWHILE = timedelta(hours=1)
"""How long somebody may still wait for an answer."""

AGAIN = "again"
"""What an errand is typed with that was asked before and came to nothing."""


class Asked(StrEnum):
    """What is asked: how a connection does with the settings that it has, or which clients a login reaches.

    A saving asks that typed settings take effect once the systems accept them with the secrets typed along.
    A comparison asks whether the books agree in some days, and so does the one that beat asks for once a month.
    """

    EXAMINATION = "examination"
    CLIENTS = "clients"
    SAVING = "saving"
    COMPARISON = "comparison"
    MONTHLY = "monthly comparison"


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand; instants in UTC.

    ``typed`` is what somebody has entered in a form and not saved: with its secrets until there is an answer, and
    without them afterwards.
    """

    id: int
    connection_id: int
    asked: Asked
    who: str
    asked_at: datetime
    typed: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: Answer | None = None
    answered_at: datetime | None = None


class Errands:
    """The verbs on errands, with the vault that keeps what was typed until there is an answer."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def ask(
        self,
        asked: Asked,
        connection_id: int,
        *,
        typed: Mapping[str, str] | None = None,
        who: str,
        now: datetime,
    ) -> int:
        """Write an errand down, and tell its number."""
        row = ErrandRow(connection_id=connection_id, kind=asked, who=who, asked_at=now)
        row.secrets = self._vault.lock(json.dumps(dict(typed))) if typed else None
        with self._database.transaction() as session:
            session.add(row)
        return row.id

    def ask_once(
        self,
        asked: Asked,
        connection_id: int,
        *,
        typed: Mapping[str, str],
        since: datetime,
        again: datetime | None = None,
        now: datetime,
    ) -> int | None:
        """Write down an errand of the bridge's own, unless there is one of an instant from ``since`` (UTC) on.

        Its number is told until it is answered. One from before ``again`` (UTC) that came to no report is asked
        anew; ``typed`` says then that it is.
        """
        known = select(ErrandRow).where(
            ErrandRow.connection_id == connection_id, ErrandRow.kind == asked, ErrandRow.asked_at >= since
        )
        row = ErrandRow(connection_id=connection_id, kind=asked, who="", asked_at=now)
        with self._database.transaction() as session:
            session.get(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
            before = session.scalar(known.order_by(ErrandRow.id.desc()).limit(1))
            if before:
                if before.answer is None:
                    return before.id
                if "report" in before.answer or again is None or before.asked_at >= again:
                    return None
            told = {**typed, AGAIN: "yes"} if before else typed
            row.secrets = self._vault.lock(json.dumps(dict(told)))
            session.add(row)
        return row.id

    def get(self, errand_id: int) -> Errand | None:
        """Read an errand; None for one that is not there, or no longer."""
        with self._database.transaction() as session:
            row = session.get(ErrandRow, errand_id)
        return self._read(row) if row else None

    def latest(self, connection_id: int, *asked: Asked) -> Errand | None:
        """Read what was asked of a connection last, of these, whether or not there is an answer."""
        query = select(ErrandRow).where(ErrandRow.connection_id == connection_id, ErrandRow.kind.in_(asked))
        with self._database.transaction() as session:
            row = session.scalar(query.order_by(ErrandRow.id.desc()).limit(1))
        return self._read(row) if row else None

    def unanswered(self, *, since: datetime) -> Sequence[int]:
        """Tell the errands that were asked from this instant on and have no answer yet."""
        query = select(ErrandRow.id).where(ErrandRow.asked_at >= since, ErrandRow.answer.is_(None))
        with self._database.transaction() as session:
            return session.scalars(query.order_by(ErrandRow.id)).all()

    def answer(self, errand_id: int, answer: Answer, *, now: datetime, alert: Alert | None = None) -> None:
        """Give an errand its answer, once, and tell of it; the secrets in what was typed are forgotten."""
        with self._database.transaction() as session:
            row = session.get(ErrandRow, errand_id, with_for_update=True)
            if row is None or row.answer is not None:
                return
            typed = self._read(row).typed
            plain = {name: text for name, text in typed.items() if name not in SECRET_FIELDS}
            row.answer, row.answered_at, row.secrets = {**answer, "typed": plain}, now, None
            if alert:
                queue(session, row.connection_id, alert, change_id=None, now=now)

    def rotate_keys(self) -> None:
        """Encrypt anew what was typed and has no answer yet."""
        typed = select(ErrandRow).where(ErrandRow.secrets.is_not(None)).order_by(ErrandRow.id).with_for_update()
        with self._database.transaction() as session:
            for row in session.scalars(typed):
                row.secrets = self._vault.lock(self._vault.open(row.secrets or ""))

    def forget(self, *, before: datetime) -> None:
        """Drop the errands that were asked before this instant."""
        with self._database.transaction() as session:
            session.execute(delete(ErrandRow).where(ErrandRow.asked_at < before))

    def _read(self, row: ErrandRow) -> Errand:
        typed = (row.answer or {}).get("typed", {})
        if row.secrets is not None:
            typed = json.loads(self._vault.open(row.secrets))
        return Errand(
            row.id,
            row.connection_id,
            Asked(row.kind),
            row.who,
            row.asked_at,
            typed,
            row.answer,
            row.answered_at,
        )
