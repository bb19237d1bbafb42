"""The list of changes, and one change with all that is known of it."""

from collections.abc import Sequence
from itertools import chain

from fastapi import APIRouter, HTTPException, Request, Response, status

from models import changes, listing, mails, questions
from models.changes import Attempt, Deed
from models.paging import Key, Page
from sync.reasons import GROUPS, REASONS
from web.filters import Filter
from web.pages.actions import ACTIONS, Done
from web.rendering import render
from web.visitors import Reader
from worker.addresses import places_of
from worker.wiring import bridge

router = APIRouter(prefix="/changes")


@router.get("")
def show_all(request: Request, visitor: Reader, page: str = "", done: str = "") -> Response:
    """List changes, the latest received first."""
    asked = Filter.read(request.query_params)
    found = listing.page(bridge().database, asked.wanted(visitor.scope), key=Key.read(page))
    return render(
        request,
        visitor,
        "changes.html",
        filter=asked,
        page=found,
        done=Done.read(done),
        groups=GROUPS,
    )


@router.get("/{change_id}")
def show(request: Request, visitor: Reader, change_id: int, page: str = "", done: str = "") -> Response:
    """Show how a record fared: where it stands and why, every attempt, and who did what about it."""
    database = bridge().database
    change = changes.show(database, change_id)
    if change is None or not visitor.scope.allows(change.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    attempts = changes.attempts_page(database, change_id, key=Key.read(page))
    return render(
        request,
        visitor,
        "change.html",
        change=change,
        places=places_of(bridge(), change),
        explained=REASONS.get(change.reason),
        attempts=attempts,
        story=_story(attempts, changes.deeds(database, change_id)),
        mails=mails.of_change(database, change_id),
        done=Done.read(done),
        candidates=questions.candidates_of(database, change_id),
        actions=[name for name, action in ACTIONS.items() if change.state in action.ticked],
    )


def _story(attempts: Page[Attempt], deeds: Sequence[Deed]) -> list[Attempt | Deed]:
    """Put what people did in between the attempts of a page, the latest first."""
    lines = attempts.lines
    first = lines[-1].at if attempts.older else None
    last = lines[0].at if attempts.newer else None
    between = (deed for deed in deeds if (not first or deed.at >= first) and (not last or deed.at <= last))
    return sorted(chain(lines, between), key=lambda each: each.at, reverse=True)
