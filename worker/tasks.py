"""The tasks. Each only calls the code that does the work. Arguments are ids only, because Flower shows them."""

from models.admin import reminders
from models.admin.operations import OPERATION_TIMEOUT
from models.enums import EntityType, Lane
from models.inbox import dependencies, due
from models.receivers import deliveries
from sync.polling import failing_polls
from worker import clock_check, dispatch, heartbeat
from worker.celery_app import app
from worker.container import get_container
from worker.handlers import event_delivery, mails, monthly_reconciliation, operations, polls, retention
from worker.schedule import EXPENSE_ROUND_SECONDS


@app.task(name="sync_customers")
def sync_customers(connection_id: int) -> None:
    _drain(connection_id, EntityType.CUSTOMER)


@app.task(name="sync_projects")
def sync_projects(connection_id: int) -> None:
    _drain(connection_id, EntityType.PROJECT)


@app.task(name="sync_invoices")
def sync_invoices(connection_id: int) -> None:
    _drain(connection_id, EntityType.INVOICE)


@app.task(name="sync_expenses")
def sync_expenses(connection_id: int) -> None:
    _drain(connection_id, EntityType.EXPENSE)


@app.task(name="dispatch_due")
def dispatch_due() -> None:
    """Dispatch the lanes with work, including those of vanished workers, operations and event receivers."""
    container = get_container()
    now = container.clock()
    dependencies.wake_satisfied(container.database, now=now)
    dispatch.dispatch_lanes(due.lanes(container.database, now=now))
    container.operations.delete_old_logins(before=now - OPERATION_TIMEOUT)
    dispatch.dispatch_operations(container.operations.pending(since=now - OPERATION_TIMEOUT))
    dispatch.dispatch_receivers(deliveries.due_receivers(container.database, now=now))
    heartbeat.record(container.redis, every=container.settings.dispatch_seconds)  # only with PostgreSQL


@app.task(name="poll_all")
def poll_all_moment() -> None:
    polls.pause_unreadable(get_container())
    dispatch.dispatch_polls("poll_moment", polls.moment_due(get_container()))


@app.task(name="poll_all_expenses")
def poll_all_expenses() -> None:
    poll_round = polls.expenses_due(get_container(), every=EXPENSE_ROUND_SECONDS)
    dispatch.dispatch_polls("poll_expenses", poll_round.due, limit=poll_round.limit)


@app.task(name="poll_moment")
def poll_moment(connection_id: int, number: int = 0) -> None:
    if dispatch.begin_poll("poll_moment", connection_id, number):
        dispatch.dispatch_lanes(polls.poll_moment(get_container(), connection_id))


@app.task(name="poll_expenses")
def poll_expenses(connection_id: int, number: int = 0) -> None:
    if dispatch.begin_poll("poll_expenses", connection_id, number):
        dispatch.dispatch_lanes(polls.poll_expenses(get_container(), connection_id))


@app.task(name="run_operation")
def run_operation(operation_id: int) -> None:
    if not operations.run(get_container(), operation_id):
        dispatch.mark_arrived(dispatch.OPERATION, operation_id)  # the next sweep dispatches it again
    else:
        dispatch.dispatch_next_operation(operation_id)


@app.task(name="deliver_events")
def deliver_events(receiver_id: int) -> None:
    dispatch.mark_arrived(dispatch.RECEIVER, receiver_id)
    event_delivery.deliver(get_container(), receiver_id)


@app.task(name="send_alerts")
def send_alerts() -> None:
    mails.send_due_links(get_container())
    mails.send_due_alerts(get_container())


@app.task(name="send_reminders")
def send_reminders() -> None:
    """Queue reminders of jobs that still need attention, and the weekly and monthly mails that are enabled."""
    container = get_container()
    failing_polls.queue_alerts(container.database, container.connections.all(), now=container.clock())
    reminders.queue_overdue(container.database, now=container.clock())
    reminders.queue_reminders(container.database, now=container.clock())
    reminders.queue_key_reminders(container.database, now=container.clock())
    reminders.queue_digests(container.database, now=container.clock())
    dispatch.dispatch_operations(monthly_reconciliation.due(container))


@app.task(name="delete_old")
def delete_old() -> None:
    retention.delete_old(get_container())


def _drain(connection_id: int, entity_type: EntityType) -> None:
    """Work on a batch, then dispatch the lanes with work. They go to the end of the queue, which is fair."""
    lane = Lane(connection_id, entity_type)
    dispatch.mark_lane_arrived(lane)
    if not clock_check.is_off(get_container()):
        dispatch.dispatch_lanes(get_container().runner.drain(lane))
