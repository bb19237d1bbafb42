"""Projects in 24SevenOffice: the Project service, and which of their numbers are free.

Saving takes a call for each, so numbers are looked up with their neighbors, which the next projects have.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from typing import Any

from cachetools import TTLCache

from i18n.messages import msg
from integrations.twentyfour.session import CachedReader, Session
from models.connections.settings import WHOLE_NUMBERS, ClientIdField
from sync.error_codes.names import CLIENT_ID, PROJECT_NUMBER
from sync.errors import MisconfiguredError, RejectedError
from sync.records import ExistingProject, ProjectDraft

UNSET = (None, "", 0, -(2**31))
""".NET's value for an empty field."""

CACHE_SECONDS = 60
"""How long a free number counts as free, and an open project as open: people rarely enter both at once."""

BLOCK, MAX_NUMBERS = 100, 1000
"""Numbers are looked up in blocks of 100, or of 1000, a call's limit (S37), while projects arrive in sequence."""

MAX_NUMBER = 2**31 - 1


def save(session: Session, draft: ProjectDraft, *, client_id: str, field: ClientIdField) -> None:
    """Create or overwrite a project (SaveProject), with the client id, unless empty, in this field (S2)."""
    project = {
        "Id": draft.number,
        "Name": draft.name,
        "NameDisplay": "Plain",
        "TimeReg": "WorkType",
        "DateStart": _midnight(draft.starts),
        "DateStop": _midnight(draft.ends),
        "CustomerId": draft.customer_number,
        field: _client_id(client_id, field),
    }
    saved = session.call("Project", "SaveProject", project=project)
    if saved != draft.number:
        raise RejectedError(
            msg("24SevenOffice saved project {number} with the number {other}.", number=draft.number, other=saved),
            error_code=PROJECT_NUMBER,
            remedy=msg("Give one of them another number."),
        )


def read(session: Session, number: int, *, field: ClientIdField) -> ExistingProject | None:
    """Return the project with this number (GetSingleProject), with the value of one of its fields."""
    found = session.call("Project", "GetSingleProject", projectId=number)
    if found is None or found.Id != number:
        return None
    return ExistingProject(number=number, name=found.Name or "", client_id=_client_id_of(found, field))


class ProjectNumbers(CachedReader):
    def __init__(self, session: Session, *, field: ClientIdField) -> None:
        super().__init__(session)
        self._free: TTLCache[int, bool] = TTLCache(100 * MAX_NUMBERS, ttl=CACHE_SECONDS)
        self._closed: TTLCache[str, Sequence[ExistingProject]] = TTLCache(1, ttl=CACHE_SECONDS)
        self._field = field

    def existing(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Return the projects with these numbers, open or closed (assumption S31)."""
        with self._reading:
            unknown = {number for number in numbers if number not in self._free}
            if not unknown:
                return []
            block = _with_neighbors(unknown, far=len(self._free) > 0)
            found = [each for each in self._read(block) if each.number in block]
            taken = {each.number for each in found}
            self._free.update(dict.fromkeys(block - taken, True))
            return [each for each in found if each.number in unknown]

    def mark_taken(self, number: int) -> None:
        """Save that a number is no longer free, or may not be."""
        with self._reading:
            self._free.pop(number, None)

    def _read(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Read the open projects with these numbers (GetProjectList), then all closed ones."""
        search = {"ProjectIds": {"int": sorted(numbers)}}
        found = [
            ExistingProject(
                number=found.Id,
                name=found.Name or "",
                customer_number=found.CustomerId or None,
                client_id=_client_id_of(found, self._field),
            )
            for found in self._session.call("Project", "GetProjectList", Ps=search) or []
        ]
        return [*found, *self._read_closed(besides={each.number for each in found})]

    def _read_closed(self, *, besides: Collection[int]) -> Sequence[ExistingProject]:
        """Read number and name of the closed projects (GetDeactivatedProjectNameList)."""
        closed = self._closed.get("closed")
        if closed is None:
            found = self._session.call("Project", "GetDeactivatedProjectNameList") or []
            closed = [ExistingProject(each.Id, each.Name or "", closed=True) for each in found if each.Id]
            self._closed["closed"] = closed
        return [each for each in closed if each.number not in besides]


def _with_neighbors(numbers: set[int], *, far: bool) -> set[int]:
    """Add the neighbors of numbers: with ``far``, the thousand around each, otherwise the hundred."""
    for block in (MAX_NUMBERS, BLOCK) if far else (BLOCK,):
        starts = {number // block * block for number in numbers}
        if len(starts) * block <= MAX_NUMBERS:
            return {
                number for start in starts for number in range(max(start, 1), min(start + block, MAX_NUMBER + 1))
            }
    return numbers


def _client_id_of(project: Any, field: ClientIdField) -> str:  # noqa: ANN401 - what zeep makes of a Project
    """Return the value of a project in the field for the client id, empty if there is none."""
    value = project[field]
    return "" if value in UNSET else str(value)


def _client_id(client_id: str, field: ClientIdField) -> str | int | None:
    if not client_id or field not in WHOLE_NUMBERS:
        return client_id or None
    if client_id.isdecimal():
        return int(client_id)
    raise MisconfiguredError(
        msg(
            "The client id “{client_id}” isn't a number, but the project field {field} only takes numbers.",
            client_id=client_id,
            field=field,
        ),
        error_code=CLIENT_ID,
    )


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time()) if day else None
