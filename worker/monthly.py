"""The comparison of the books that beat asks for once a month, and the mail that tells what it found."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from language.said import from_json, listed, say
from models.alerts import Alert, Turn
from models.errands import AGAIN, Asked
from sync.books.deviations import written
from sync.books.differences import Report
from worker import comparing
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from language.said import Said
    from models.errands import Answer, Errand
    from worker.wiring import Bridge

OSLO = ZoneInfo("Europe/Oslo")

PAUSE = timedelta(minutes=45)
"""After a comparison that could not be made, less than the hour that it is to the next turn."""

FIRST_DAY = 3
"""Day of the month from which on the month before is compared: the last invoices have come across by then."""


def due(bridge: Bridge) -> Iterator[int]:
    """Ask for the comparisons of the month before that are wanted; tell the errands without an answer.

    One that could not be made is asked for anew at the next turn, where the connection works.
    """
    today = clock().astimezone(OSLO).date()
    if today.day < FIRST_DAY:
        return
    since = datetime.combine(today.replace(day=1), time(), OSLO)
    first, last = comparing.month_of(comparing.last_month(today))
    typed = {"first": first.isoformat(), "last": last.isoformat()}
    for connection in bridge.connections.all():
        if connection.settings.monthly_reconciliation:
            again = clock() - PAUSE if connection.works(clock()) else None
            asked = bridge.errands.ask_once(
                Asked.MONTHLY, connection.id, typed=typed, since=since, again=again, now=clock()
            )
            if asked:
                yield asked


def news(bridge: Bridge, errand: Errand, answer: Answer) -> Alert | None:
    """Say in a mail what a comparison found, and where all of it stands; once only that it could not be made."""
    if "report" not in answer and AGAIN in errand.typed:
        return None
    connection = bridge.connections.get(errand.connection_id)
    return Alert(
        Turn.BOOKS,
        say("The books of {connection}", connection=connection.name),
        _summary(bridge, errand, answer),
        say("See the comparison: {address}", address=f"{bridge.settings.public_url}/errands/{errand.id}"),
        connection.settings.error_emails,
    )


def _summary(bridge: Bridge, errand: Errand, answer: Answer) -> Said:
    if "report" not in answer:
        why = listed(*(from_json(each["what"]) for each in answer["findings"]))
        return say("The books could not be compared. {why} It is tried again every hour.", why=why)
    report = comparing.without_known(bridge, errand.connection_id, Report.from_json(answer["report"]))
    of_invoices = say(
        "{first} to {last}: {equal} invoices are in the ledger as they are in Moment, {different} differ.",
        first=written(report.first),
        last=written(report.last),
        equal=report.count("equal"),
        different=len(report.differences),
    )
    if report.expenses is None:
        return of_invoices
    of_expenses = say(
        "Of the expenses {equal} are in Moment as they are in the ledger, {different} differ.",
        equal=report.expenses.count("equal"),
        different=len(report.expenses.differences),
    )
    return listed(of_invoices, of_expenses, between=" ")
