import pytest

from models.enums import EntityType, Record
from models.inbox import links
from models.inbox.links import Link
from tests.factories import NOW, settings
from tests.installation import environment, installed
from tests.models.completed_jobs import completed_job
from worker.container import Container
from worker.record_urls import RecordUrl

MOMENT = "https://moment.example/{company}/{kind}/{id}"
TWENTYFOUR = "https://24so.example/{kind}/{year}/{number}"


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    project = "https://moment.example/{company}/entries/{number:07}"
    known = {"MOMENT_RECORD_URL": MOMENT, "MOMENT_PROJECT_URL": project, "TWENTYFOUR_RECORD_URL": TWENTYFOUR}
    return environment(database_url, redis_url) | known


@pytest.mark.parametrize(
    ("entity_type", "remote_id", "in_moment", "in_twentyfour"),
    [
        (
            EntityType.CUSTOMER,
            "10001",
            "customers/9",
            RecordUrl(id="10001", name="Customer 10001", url="https://24so.example/customers//10001"),
        ),
        (
            EntityType.PROJECT,
            "7",
            "entries/0000007",
            RecordUrl(id="7", name="Project 7", url="https://24so.example/projects//7"),
        ),
        (
            EntityType.INVOICE,
            "2026/17",
            "invoices/9",
            RecordUrl(id="2026/17", name="Voucher 17/2026", url="https://24so.example/vouchers/2026/17"),
        ),
    ],
)
def test_a_record_has_a_url_in_both_systems(
    container: Container, entity_type: EntityType, remote_id: str, in_moment: str, in_twentyfour: RecordUrl
) -> None:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    record = Record(entity_type, "9")
    links.save(container.database, connection.id, record, Link(remote_id), now=NOW)
    places = container.record_urls(completed_job(container.database, connection.id, record, title="Its name"))
    assert places.moment == [RecordUrl(id="9", name="Its name", url=f"https://moment.example/1001/{in_moment}")]
    assert places.twentyfour == [in_twentyfour]


def test_a_record_not_synced_has_a_url_in_its_own_system_only(container: Container) -> None:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    invoice = container.record_urls(completed_job(container.database, connection.id))
    assert (len(invoice.moment), invoice.twentyfour) == (1, [])
    voucher = container.record_urls(
        completed_job(container.database, connection.id, Record(EntityType.EXPENSE, "2026-4-40001"))
    )
    assert voucher.moment == []
    assert voucher.twentyfour == [
        RecordUrl(id="2026-4-40001", name="Voucher 40001/2026", url="https://24so.example/vouchers/2026/40001")
    ]


def test_an_unknown_record_has_no_url_and_a_project_opens_by_its_number(database_url: str, redis_url: str) -> None:
    with installed(environment(database_url, redis_url)) as container:
        connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
        links.save(container.database, connection.id, Record(EntityType.PROJECT, "9"), Link("6109"), now=NOW)
        jobs = [
            completed_job(container.database, connection.id, Record(entity_type, "9"), title="Its name")
            for entity_type in (EntityType.PROJECT, EntityType.CUSTOMER, EntityType.INVOICE)
        ]
        assert [each.url for job in jobs for each in container.record_urls(job).moment] == [
            "https://app.moment.team/1001/projects/entries/0006109",
            "",
            "",
        ]
        assert container.moment(connection.settings).invoice_url("9") == ""
