"""PostgreSQL responds to queries but accepts no webhooks: every signal shows it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from tests.databases import Databases
from tests.web.conftest import Web
from worker.container import Container

WEBHOOK = b'{"customer": {"id": 7}}'
FULL_DISK = """
    create function full_disk() returns trigger language plpgsql as $$ begin
        raise exception 'could not extend file "base/1/2": No space left on device' using errcode = '53100';
    end $$;
    create trigger full_disk before insert on sync_jobs execute function full_disk();
"""


def fill_disk(container: Container, *_: object) -> None:
    with container.database.transaction() as session:
        session.execute(text(FULL_DISK))


def make_read_only(container: Container, databases: Databases) -> None:
    name = container.settings.database_url.get_secret_value().rpartition("/")[2]
    databases.execute(f"alter database {name} set default_transaction_read_only = on")
    databases.cut_off(name)
    databases.bring_back(name)


@pytest.mark.parametrize(("break_", "cause"), [(fill_disk, "disk_full"), (make_read_only, "read_only")])
def test_if_webhooks_cannot_be_written_every_signal_says_so(
    web: Web,
    container: Container,
    databases: Databases,
    caplog: pytest.LogCaptureFixture,
    break_: Callable[..., None],
    cause: str,
) -> None:
    break_(container, databases)
    ready = web.get("/health/ready")
    assert (ready.status_code, ready.json()["postgresql"]) == (503, cause)
    assert [web.notify(WEBHOOK).status_code for _ in range(2)] == [503, 503]
    assert [each["cause"] for each in events(caplog) if each["event"] == "webhook_refused"] == [cause, cause]
    assert metric_value(container, "moment24_webhooks_refused_total", cause=cause) == 2
    installation = container.installation_metrics.text().decode().splitlines()
    assert "moment24_postgresql_up 1.0" in installation
    assert "moment24_postgresql_takes_webhooks 0.0" in installation


def test_the_check_that_webhooks_can_be_written_is_rare_and_leaves_nothing(web: Web, container: Container) -> None:
    for _ in range(3):
        assert web.get("/health/ready").status_code == 200
    with container.database.transaction() as session:
        assert session.scalar(text("select count(*) from sync_jobs")) == 0
        assert session.scalar(text("select last_value from sync_jobs_id_seq")) == 1


def test_web_is_ready_as_soon_as_webhooks_can_be_written_again(web: Web, container: Container) -> None:
    fill_disk(container)
    assert web.get("/health/ready").status_code == 503
    with container.database.transaction() as session:
        session.execute(text("drop trigger full_disk on sync_jobs"))
    assert web.get("/health/ready").status_code == 200


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]


def metric_value(container: Container, name: str, **labels: Any) -> float | None:
    return container.metrics.registry.get_sample_value(name, labels)
