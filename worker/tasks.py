"""The tasks: each hands over to what does the work. Their arguments are numbers, for Flower shows them."""

from datetime import timedelta

from models.admin import reminders
from models.admin.operations import WORTHWHILE
from models.enums import EntityType, Lane
from models.inbox import dependencies, due, missed_webhooks, retention, statistics
from models.users import sessions, throttle
from worker import dispatch, heartbeat
from worker.celery_app import app
from worker.container import clock, get_container
from worker.jobs import monthly_reconciliation, operations, polls
from worker.jobs import send_alerts as jobs_send_alerts
from worker.schedule import EXPENSE_SECONDS


@app.task(name="sync_customers")
def sync_customers(connection_id: int) -> None:
    """Work off some of the customers that are due."""
    _drain(Lane(connection_id, EntityType.CUSTOMER))


@app.task(name="sync_projects")
def sync_projects(connection_id: int) -> None:
    """Work off some of the projects that are due."""
    _drain(Lane(connection_id, EntityType.PROJECT))


@app.task(name="sync_invoices")
def sync_invoices(connection_id: int) -> None:
    """Work off some of the invoices that are due."""
    _drain(Lane(connection_id, EntityType.INVOICE))


@app.task(name="sync_expenses")
def sync_expenses(connection_id: int) -> None:
    """Work off some of the vouchers with costs that are due."""
    _drain(Lane(connection_id, EntityType.EXPENSE))


@app.task(name="dispatch_due")
def dispatch_due() -> None:
    """Nudge all lanes with something due, also those whose worker has vanished, and errands without an answer."""
    dependencies.wake_satisfied(get_container().database, now=clock())
    dispatch.dispatch_lanes(due.lanes(get_container().database, now=clock()))
    dispatch.dispatch_operations(get_container().operations.pending(since=clock() - WORTHWHILE))
    heartbeat.record(
        get_container().redis, every=get_container().settings.dispatch_seconds
    )  # last: there is none without PostgreSQL


@app.task(name="poll_all")
def poll_all() -> None:
    """Have every connection that works ask Moment what has changed."""
    dispatch.dispatch_polls("poll_moment", polls.moment_due(get_container()))


@app.task(name="poll_all_expenses")
def poll_all_expenses() -> None:
    """Have the connections whose turn it is ask 24SevenOffice for costs."""
    turn = polls.expenses_due(get_container(), every=EXPENSE_SECONDS)
    dispatch.dispatch_polls("poll_expenses", turn.due, limit=turn.limit)


@app.task(name="poll_moment")
def poll_moment(connection_id: int) -> None:
    """Ask Moment what has changed at a connection."""
    dispatch.dispatch_lanes(polls.poll_moment(get_container(), connection_id))


@app.task(name="poll_expenses")
def poll_expenses(connection_id: int) -> None:
    """Ask 24SevenOffice which vouchers with costs have changed at a connection."""
    dispatch.dispatch_lanes(polls.poll_expenses(get_container(), connection_id))


@app.task(name="run_operation")
def run_operation(operation_id: int) -> None:
    """Ask the remote systems what a page wants to know."""
    operations.run(get_container(), operation_id)


@app.task(name="send_alerts")
def send_alerts() -> None:
    """Send the mails that are due."""
    jobs_send_alerts.send_due_alerts(get_container())


@app.task(name="send_reminders")
def send_reminders() -> None:
    """Remind of what still needs a person, and tell of the week and of the month where that is wanted."""
    reminders.queue_reminders(get_container().database, now=clock())
    reminders.queue_digests(get_container().database, now=clock())
    dispatch.dispatch_operations(monthly_reconciliation.due(get_container()))


@app.task(name="delete_old")
def delete_old() -> None:
    """Drop what has been kept long enough, the changes last that what was done about them keeps."""
    database, settings, now = get_container().database, get_container().settings, clock()
    retention.delete_attempts(database, before=now - timedelta(days=settings.attempt_days))
    retention.delete_alerts(database, before=now - timedelta(days=settings.alert_days))
    retention.delete_audit_entries(database, before=now - timedelta(days=settings.audit_days))
    retention.delete_done_jobs(database, before=now - timedelta(days=settings.job_days))
    get_container().operations.delete_old(before=now - timedelta(days=settings.attempt_days))
    missed_webhooks.delete_old(database, before=now - timedelta(days=settings.attempt_days))
    statistics.delete_old(database, now=now)
    sessions.delete_ended(database, now=now)
    throttle.delete_old(database, now=now)


def _drain(lane: Lane) -> None:
    """Work a batch off, and pass on what has something to do after it: at the end of the queue, to be fair."""
    dispatch.clear_pending(lane)
    dispatch.dispatch_lanes(get_container().runner.drain(lane))
