"""Which numbers of projects are free: looked for with their neighbours, as the next projects have those.

Each project takes a call to be saved, since the vendor has no other, so that looking must cost next to nothing.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Collection, Sequence
from typing import Any

from cachetools import TTLCache

from integrations.twentyfour.projects import client_id_of
from integrations.twentyfour.session import Session
from models.connections.settings import ClientIdField
from sync.records import ExistingProject

CACHE_SECONDS = 60
"""How long a number that was free is taken to be so; who enters projects in both systems seldom is that fast."""

BLOCK, MAX_NUMBERS = 100, 1000
"""Neighbours share all digits but two, or but three where one project follows the other, as on a first day.

MOST is of a call (assumption S37): where neighbours would be more, fewer are looked for, or none.
"""

MAX_NUMBER = 2**31 - 1


class ProjectNumbers:
    """The numbers of one client's projects, whose client id stands in ``field``; threads may share it."""

    def __init__(self, session: Session, *, field: ClientIdField) -> None:
        self._session = session
        self._field = field
        self._free: TTLCache[int, bool] = TTLCache(maxsize=100 * MAX_NUMBERS, ttl=CACHE_SECONDS)
        self._looking = threading.Lock()

    def with_session(self, session: Session) -> ProjectNumbers:
        """Give the same numbers with the same memory, read by another session."""
        twin = copy.copy(self)
        twin._session = session  # noqa: SLF001 - its own
        return twin

    def existing(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Read those of the projects with these numbers that there are (GetProjectList, assumption S31)."""
        with self._looking:
            unknown = {number for number in numbers if number not in self._free}
            if not unknown:
                return []
            wanted = _with_neighbours(unknown, far=len(self._free) > 0)
            found = [each for each in self._read(wanted) if each.number in wanted]
            taken = {each.number for each in found}
            self._free.update(dict.fromkeys(wanted - taken, True))
            return [each for each in found if each.number in unknown]

    def mark_taken(self, number: int) -> None:
        """Note that a number is not free any more, or may not be."""
        with self._looking:
            self._free.pop(number, None)

    def _read(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        search = {"ProjectIds": {"int": sorted(numbers)}}
        found = self._session.call("Project", "GetProjectList", Ps=search) or []
        return [self._existing(each) for each in found]

    def _existing(self, project: Any) -> ExistingProject:  # noqa: ANN401 - what zeep makes of a Project
        name, customer = project.RawName or project.Name or "", project.CustomerId or None
        return ExistingProject(project.Id, name, customer, client_id_of(project, self._field))


def _with_neighbours(numbers: set[int], *, far: bool) -> set[int]:
    """Add the neighbours to numbers: the thousand around each for ``far`` ones, else the hundred."""
    for block in (MAX_NUMBERS, BLOCK) if far else (BLOCK,):
        starts = {number // block * block for number in numbers}
        if len(starts) * block <= MAX_NUMBERS:
            return {
                number for start in starts for number in range(max(start, 1), min(start + block, MAX_NUMBER + 1))
            }
    return numbers
