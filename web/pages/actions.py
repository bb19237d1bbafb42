"""What an operator does about changes, one or many: tries them again, closes them, opens them again."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import ImmutableMultiDict

from models import changes, listing
from models.changes import HANDLED, OPEN, UNWANTED, Acted
from models.wanted import Wanted
from models.words import Scope, State
from web.filters import Filter
from web.forms import Form
from web.rendering import render
from web.visitors import Operator
from worker import dispatch
from worker.wiring import bridge, clock

router = APIRouter(prefix="/changes")

SHOWN = 20
"""Changes that are named before something is done about them; the others are counted."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INSTANT = re.compile(r"\d{1,16}")
NUMBER = re.compile(r"\d{1,18}")
DONE = re.compile(r"(retry|unwanted|handled|reopen)-(\d{1,9})(?:-(\d{1,16}))?")


@dataclass(frozen=True, slots=True)
class Action:
    """Where a change must stand for it: one that is ticked, and one among all that a filter lets through."""

    ticked: frozenset[State]
    among_all: frozenset[State]


CLOSED = frozenset({State.CLOSED})
ACTIONS = {
    "retry": Action(frozenset(State) - {State.WORKING}, OPEN | CLOSED),
    "unwanted": Action(OPEN, OPEN),
    "handled": Action(OPEN, OPEN),
    "reopen": Action(CLOSED, CLOSED),
}
SAID = {"unwanted": UNWANTED, "handled": HANDLED}


@dataclass(frozen=True, slots=True)
class Done:
    """What has been done, as the address of the next page tells it; ``closed_at`` is by what it is undone."""

    action: str
    count: int
    closed_at: str

    @classmethod
    def read(cls, code: str) -> Self | None:
        """Read the code that :func:`act` has put into an address."""
        told = DONE.fullmatch(code)
        return cls(told[1], int(told[2]), told[3] or "") if told else None


@router.get("/confirm")
def confirm(request: Request, visitor: Operator) -> Response:
    """Say how many changes, and which, something is about to be done about."""
    given = request.query_params
    name, now = _action(given), clock()
    wanted = replace(_meant(name, given, visitor.scope), until=now)
    return render(
        request,
        visitor,
        "confirm.html",
        action=name,
        count=changes.count(bridge().database, wanted),
        changes=listing.latest(bridge().database, wanted, most=SHOWN),
        carried=[*_carried(given), ("until", str((now - EPOCH) // MICROSECOND))],
        back=_back(given),
    )


@router.post("/act")
def act(visitor: Operator, form: Form) -> Response:
    """Do it, and tell the worker of what has something to do after it."""
    given = ImmutableMultiDict([(name, str(value)) for name, value in form.multi_items()])
    name, now = _action(given), clock()
    acted = _do(name, _meant(name, given, visitor.scope), who=visitor.email, now=now)
    dispatch.nudge(acted.lanes)
    by = f"-{(now - EPOCH) // MICROSECOND}" if name in SAID else ""
    return RedirectResponse(_back(given, done=f"{name}-{acted.count}{by}"), status.HTTP_303_SEE_OTHER)


def _do(name: str, wanted: Wanted, *, who: str, now: datetime) -> Acted:
    database = bridge().database
    if name == "retry":
        return changes.retry(database, wanted, who=who, now=now)
    if name == "reopen":
        return changes.reopen(database, wanted, who=who, now=now)
    return changes.close(database, wanted, because=SAID[name], who=who, now=now)


def _action(given: ImmutableMultiDict[str, str]) -> str:
    name = given.get("action", "")
    if name not in ACTIONS:
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return name


def _meant(name: str, given: ImmutableMultiDict[str, str], scope: Scope) -> Wanted:
    """Tell which changes are meant: those ticked, those closed together, or all that the filter lets through."""
    action, until = ACTIONS[name], _instant(given.get("until", ""))
    if closed_at := _instant(given.get("closed_at", "")):
        return Wanted(scope=scope, closed_at=closed_at, states=action.ticked)
    if "all" not in given:
        return Wanted(scope=scope, ids=frozenset(map(int, _ticked(given))), states=action.ticked)
    wanted = Filter.read(given).wanted(scope)
    states = (wanted.states or OPEN) & action.among_all
    return replace(wanted, states=states, until=until) if states else Wanted(ids=frozenset())


def _ticked(given: ImmutableMultiDict[str, str]) -> list[str]:
    return [each for each in given.getlist("change") if NUMBER.fullmatch(str(each))]


def _instant(told: str) -> datetime | None:
    return EPOCH + int(told) * MICROSECOND if INSTANT.fullmatch(told) else None


def _carried(given: ImmutableMultiDict[str, str]) -> list[tuple[str, str]]:
    """Tell the fields that the form of the next page carries on."""
    fields = [("change", each) for each in _ticked(given)]
    fields += [("all", "yes")] if "all" in given else []
    return [*fields, ("from", given.get("from", "")), *Filter.read(given).given.items()]


def _back(given: ImmutableMultiDict[str, str], *, done: str = "") -> str:
    """Tell where somebody came from: one change, the expenses, or the list of changes as it was filtered."""
    ticked = _ticked(given)
    if given.get("from") == "change" and ticked:
        return f"/changes/{int(ticked[0])}" + (f"?done={done}" if done else "")
    path = "/expenses" if given.get("from") == "expenses" else "/changes"
    return Filter.read(given).address(path, done=done)
