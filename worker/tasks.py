"""The tasks: each hands over to what does the work. Their arguments are numbers, for Flower shows them."""

from __future__ import annotations

from datetime import timedelta

from models import due, finds, reminders, retention, tallies, throttle, visits, waiting
from models.errands import WORTHWHILE
from models.words import Kind, Lane
from worker import dispatch, errands, mailing, monthly, polls, pulse
from worker.app import app
from worker.beat import EXPENSE_SECONDS
from worker.wiring import bridge, clock


@app.task(name="sync_customers")
def sync_customers(connection_id: int) -> None:
    """Work off some of the customers that are due."""
    _drain(Lane(connection_id, Kind.CUSTOMER))


@app.task(name="sync_projects")
def sync_projects(connection_id: int) -> None:
    """Work off some of the projects that are due."""
    _drain(Lane(connection_id, Kind.PROJECT))


@app.task(name="sync_invoices")
def sync_invoices(connection_id: int) -> None:
    """Work off some of the invoices that are due."""
    _drain(Lane(connection_id, Kind.INVOICE))


@app.task(name="sync_expenses")
def sync_expenses(connection_id: int) -> None:
    """Work off some of the vouchers with costs that are due."""
    _drain(Lane(connection_id, Kind.EXPENSE))


@app.task(name="sweep")
def sweep() -> None:
    """Nudge all lanes with something due, also those whose worker has vanished, and errands without an answer."""
    waiting.wake_arrived(bridge().database, now=clock())
    dispatch.nudge(due.lanes(bridge().database, now=clock()))
    dispatch.nudge_errands(bridge().errands.unanswered(since=clock() - WORTHWHILE))
    pulse.beat(bridge().redis, every=bridge().settings.sweep_seconds)  # last: there is none without PostgreSQL


@app.task(name="poll_all")
def poll_all() -> None:
    """Have every connection that works ask Moment what has changed."""
    dispatch.nudge_polls("poll_moment", polls.moment_due(bridge()))


@app.task(name="poll_all_expenses")
def poll_all_expenses() -> None:
    """Have the connections whose turn it is ask 24SevenOffice for costs."""
    turn = polls.expenses_due(bridge(), every=EXPENSE_SECONDS)
    dispatch.nudge_polls("poll_expenses", turn.due, most=turn.most)


@app.task(name="poll_moment")
def poll_moment(connection_id: int) -> None:
    """Ask Moment what has changed at a connection."""
    dispatch.nudge(polls.poll_moment(bridge(), connection_id))


@app.task(name="poll_expenses")
def poll_expenses(connection_id: int) -> None:
    """Ask 24SevenOffice which vouchers with costs have changed at a connection."""
    dispatch.nudge(polls.poll_expenses(bridge(), connection_id))


@app.task(name="run_errand")
def run_errand(errand_id: int) -> None:
    """Ask the remote systems what a page wants to know."""
    errands.run(bridge(), errand_id)


@app.task(name="send_alerts")
def send_alerts() -> None:
    """Send the mails that are due."""
    mailing.send_due(bridge())


@app.task(name="remind")
def remind() -> None:
    """Remind of what still needs a person, and tell of the week and of the month where that is wanted."""
    reminders.remind(bridge().database, now=clock())
    reminders.digest(bridge().database, now=clock())
    dispatch.nudge_errands(monthly.due(bridge()))


@app.task(name="tidy")
def tidy() -> None:
    """Drop what has been kept long enough, the changes last that what was done about them keeps."""
    database, settings, now = bridge().database, bridge().settings, clock()
    retention.forget_attempts(database, before=now - timedelta(days=settings.attempt_days))
    retention.forget_alerts(database, before=now - timedelta(days=settings.alert_days))
    retention.forget_audit(database, before=now - timedelta(days=settings.audit_days))
    retention.forget_settled(database, before=now - timedelta(days=settings.change_days))
    bridge().errands.forget(before=now - timedelta(days=settings.attempt_days))
    finds.forget(database, before=now - timedelta(days=settings.attempt_days))
    tallies.forget(database, now=now)
    visits.forget_ended(database, now=now)
    throttle.forget_old(database, now=now)


def _drain(lane: Lane) -> None:
    """Work a batch off, and pass on what has something to do after it: at the end of the queue, to be fair."""
    dispatch.arrived(lane)
    dispatch.nudge(bridge().runner.drain(lane))
