from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from models.admin import audit_log
from models.connections.repository import Connection
from models.connections.vault import Vault
from models.database import Database
from models.enums import EntityType, Lane, Record, Role, Scope
from models.inbox import cursors, leases, restore
from models.inbox.enqueue import enqueue
from models.inbox.transitions import JobEvent
from models.receivers.outbox import DisabledBecause
from models.receivers.repository import Receivers
from models.users import repository as users
from models.users import sessions, tokens
from tests.factories import NOW
from tests.models.completed_jobs import HOUR, INVOICE, completed_job
from tests.models.event_log import add_receiver

OTHER = Record(EntityType.INVOICE, "10")
CUSTOMER = Record(EntityType.CUSTOMER, "7")


def mark_restored(
    database: Database, *, connection_ids: Iterable[int] | None = None, since: datetime | None = None
) -> int:
    ids = None if connection_ids is None else list(connection_ids)
    return restore.mark_restored(database, connection_ids=ids, since=since, actor="test", now=NOW)


def lease_all(
    database: Database, connection: Connection, entity_type: EntityType = EntityType.INVOICE
) -> dict[str, bool]:
    """Lease and complete the due jobs of a lane, and return by record id whether each is verified first."""
    lane = Lane(connection.id, entity_type)
    found: dict[str, bool] = {}
    while lease := leases.acquire(database, lane, limit=10, now=NOW, until=NOW + HOUR):
        found |= {job.record.id: job.outcome_unknown for job in lease.jobs}
        ended = [leases.AttemptResult(job_id=job.id, event=JobEvent.SYNCED) for job in lease.jobs]
        leases.complete(database, lease, ended, clock=lambda: NOW)
    return found


@pytest.mark.parametrize("records", [[INVOICE], [INVOICE, OTHER]], ids=["one", "many"])
def test_records_of_a_restored_lane_are_verified_until_a_poll_has_caught_up(
    database: Database, connection: Connection, records: list[Record]
) -> None:
    lane = Lane(connection.id, EntityType.INVOICE)
    cursors.move(database, lane, to=NOW - HOUR)
    mark_restored(database)
    enqueue(database, connection.id, records, now=NOW)
    assert lease_all(database, connection) == {record.id: True for record in records}
    cursors.move(database, lane, to=NOW + HOUR)
    enqueue(database, connection.id, records, now=NOW)
    assert not any(lease_all(database, connection).values())


def test_a_dependency_after_a_restore_is_always_verified(database: Database, connection: Connection) -> None:
    mark_restored(database)
    cursors.move(database, Lane(connection.id, EntityType.CUSTOMER), to=NOW + HOUR)
    enqueue(database, connection.id, [CUSTOMER], now=NOW, as_dependency=True)
    assert lease_all(database, connection, EntityType.CUSTOMER) == {"7": True}


def test_jobs_not_done_in_the_backup_have_an_unknown_outcome(database: Database, connection: Connection) -> None:
    completed_job(database, connection.id, OTHER)
    enqueue(database, connection.id, [INVOICE], now=NOW)
    assert mark_restored(database) == 1
    assert lease_all(database, connection) == {"9": True}


def test_without_a_restore_no_outcome_is_unknown(database: Database, connection: Connection) -> None:
    enqueue(database, connection.id, [INVOICE, OTHER], now=NOW)
    enqueue(database, connection.id, [CUSTOMER], now=NOW, as_dependency=True)
    assert not any(lease_all(database, connection).values())
    assert not any(lease_all(database, connection, EntityType.CUSTOMER).values())


def test_only_the_lanes_of_a_recreated_connection_begin_at_its_start(
    database: Database, connection: Connection
) -> None:
    asked, polled = Lane(connection.id, EntityType.INVOICE), Lane(connection.id, EntityType.PROJECT)
    cursors.move(database, polled, to=NOW)
    mark_restored(database, since=NOW - HOUR)
    assert [cursors.position(database, lane) for lane in (asked, polled)] == [None, NOW - HOUR]
    mark_restored(database, connection_ids=[connection.id], since=NOW - 2 * HOUR)
    assert [cursors.position(database, lane) for lane in (asked, polled)] == [NOW - 2 * HOUR] * 2


def test_after_a_restore_all_users_sign_in_again_and_no_id_is_reused(
    database: Database, connection: Connection, user_id: int
) -> None:
    token = sessions.start(database, user_id, now=NOW)
    first = completed_job(database, connection.id).id
    mark_restored(database)
    assert sessions.find(database, token, now=NOW) is None
    assert (
        completed_job(database, connection.id, OTHER, at=NOW + timedelta(minutes=1)).id
        > first + restore.SEQUENCE_GAP
    )


def test_after_a_restore_no_api_token_is_valid_and_no_receiver_gets_events(
    database: Database, vault: Vault, connection: Connection
) -> None:
    """The backup contains tokens and receivers that were revoked or removed later."""
    receivers = Receivers(database, vault, private_networks=False)
    scopes = frozenset({tokens.TokenScope.JOBS_READ})
    token, text = tokens.create(database, "Partner", scopes=scopes, scope=Scope(), actor="test", now=NOW)
    receiver, by_hand = add_receiver(receivers), add_receiver(receivers)
    receivers.disable(by_hand.id, actor="test", now=NOW - HOUR)
    mark_restored(database, connection_ids=[connection.id])
    assert tokens.find(database, text, now=NOW).id == token.id
    assert not receivers.get(receiver.id).disabled_at
    mark_restored(database)
    with pytest.raises(tokens.TokenRefusedError, match="token_revoked"):
        tokens.find(database, text, now=NOW)
    disabled = [receivers.get(each.id) for each in (receiver, by_hand)]
    assert [each.disabled_because for each in disabled] == [DisabledBecause.RESTORED, DisabledBecause.BY_HAND]
    receivers.enable(receiver.id, actor="test", now=NOW)
    assert not receivers.get(receiver.id).disabled_at


def test_no_id_that_people_or_programs_have_seen_is_reused(database: Database, vault: Vault, user_id: int) -> None:
    def line() -> int:
        return audit_log.page(database, Scope(), users=True).lines[0].id

    receivers = Receivers(database, vault, private_networks=False)
    before = (line(), add_receiver(receivers).id, user_id)
    mark_restored(database)
    rights = users.Rights(Role.VIEWER, Scope())
    other = users.add(database, "kari@example.com", rights, password=None, actor="test", now=NOW)
    after = (line(), add_receiver(receivers).id, other.id)
    gaps = (restore.SEQUENCE_GAP, restore.SHORT_GAP, restore.SHORT_GAP)
    assert all(new > old + gap for old, new, gap in zip(before, after, gaps, strict=True))


@pytest.fixture
def user_id(database: Database) -> int:
    rights = users.Rights(Role.VIEWER, Scope())
    return users.add(database, "anna@example.com", rights, password=None, actor="test", now=NOW).id


def test_a_lease_in_a_backup_has_no_worker(database: Database, connection: Connection) -> None:
    lane = Lane(connection.id, EntityType.INVOICE)
    enqueue(database, connection.id, [INVOICE], now=NOW)
    held = leases.acquire(database, lane, limit=1, now=NOW, until=NOW + HOUR)
    assert held
    mark_restored(database)
    ended = [leases.AttemptResult(job_id=job.id, event=JobEvent.SYNCED) for job in held.jobs]
    with pytest.raises(leases.LeaseLostError):
        leases.renew(database, held, until=NOW + HOUR)
    with pytest.raises(leases.LeaseLostError):
        leases.complete(database, held, ended, clock=lambda: NOW)
    assert lease_all(database, connection) == {"9": True}
