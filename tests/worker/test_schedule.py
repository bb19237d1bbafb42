from sync.runner import FLOWS
from worker import beat
from worker.celery_app import app
from worker.container import Container, clock
from worker.schedule import beat_schedule


def test_beat_sends_only_existing_tasks(container: Container) -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in beat_schedule(container.settings, now=clock).values()} <= set(app.tasks)


def test_beats_message_expires_a_minute_after_the_next_one_is_due(container: Container) -> None:
    assert all(
        entry["options"]["expires"] == entry["schedule"].seconds + 60
        for entry in beat_schedule(container.settings, now=clock).values()
    )


def test_every_flow_has_a_task_of_its_name() -> None:
    app.loader.import_default_modules()
    assert {f"sync_{entity_type}s" for entity_type in FLOWS} <= set(app.tasks)


def test_beat_sends_where_workers_listen(container: Container) -> None:
    assert container.settings
    for name in ("broker_url", "task_routes", "task_default_queue", "task_serializer"):
        assert beat.app.conf[name] == app.conf[name], name
