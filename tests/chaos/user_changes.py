"""People who change settings, links and job states during work, and restore them by the evening."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from models.admin import job_actions, job_list
from models.admin.job_actions import OPEN, RESOLVED_MANUALLY, RETRIABLE
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.admin.relink import RELINKABLE_TYPES, relink
from models.database import DatabaseUnavailableError
from models.enums import EntityType, JobState
from models.error_codes import UNSEEN_DRAFT
from models.inbox import links
from models.inbox.links import LinkTakenError
from tests.chaos.faults import Event
from worker.container import Container

ACTOR = "chaos"
AWHILE = 0.5, 2.5
"""For how many seconds a setting stays changed, or a job dismissed."""

POSTING, TYPES_OFF = "changed: posting", "switched off: "
DISMISSED, RELINKED = "dismissed", "relinked"
"""The names under which their actions are counted."""


class People:
    """People who act at random instants; ``done`` counts their actions, and :meth:`put_back` reverts them.

    Args:
        container: access to the integration.
        connection_id: returns the id of the connection.
        rng: the random generator of these people alone.
    """

    def __init__(self, container: Container, connection_id: Callable[[], int], *, rng: Random) -> None:
        self._container, self._database = container, container.database
        self._connection_id, self._rng = connection_id, rng
        self._closed: set[int] = set()
        self.done: Counter[str] = Counter()

    def plan(self, *, seconds: float, size: float) -> Iterator[Event]:
        """Choose their actions on a day and the second of each; ``size`` 1 is about twenty."""
        actions: tuple[tuple[Callable[[], None], Callable[[], None] | None, int], ...] = (
            (partial(self._set, POSTING, posting="draft"), partial(self._set, "", posting="ledger"), 2),
            *((partial(self._switch_off, each), self._switch_all_on, 1) for each in EntityType),
            (self._change_start_date, None, 2),
            (self._relink, None, 4),
            (self._retry_some, None, 3),
            (self._retry_all, None, 1),
            (self._dismiss_some, self._reopen, 3),
        )
        for act, undo, times in actions:
            for _ in range(max(1, round(times * size))):
                at = self._rng.uniform(0, seconds * 0.9)
                yield at, partial(_attempt, act)
                if undo:
                    yield at + self._rng.uniform(*AWHILE), partial(_attempt, undo)

    def put_back(self) -> None:
        """Restore the settings, and reopen dismissed jobs. Raises DatabaseUnavailableError."""
        self._set("", posting="ledger", entity_types=frozenset(EntityType), expense_from=None)
        self._reopen()

    def _set(self, what: str, **values: object) -> None:
        self._container.update_settings(self._connection_id(), values, actor=ACTOR)
        self.done.update([what] if what else [])

    def _switch_off(self, entity_type: EntityType) -> None:
        self._set(f"{TYPES_OFF}{entity_type}", entity_types=frozenset(EntityType) - {entity_type})

    def _switch_all_on(self) -> None:
        self._set("", entity_types=frozenset(EntityType))

    def _change_start_date(self) -> None:
        """Set a first day that excludes nothing that is bought today."""
        today = datetime.now(UTC).date()
        day = self._rng.choice((None, today, today - timedelta(days=40)))
        self._set("changed: start date", expense_from=day)

    def _relink(self) -> None:
        """Relink a customer to the number that it has, or have a customer or project matched again."""
        linked = [view for view in self._jobs(*JobState) if view.record.entity_type in RELINKABLE_TYPES]
        for view in self._some(linked, at_most=1):
            link = links.find(self._database, view.connection_id, view.record)
            says = link and view.record.entity_type is EntityType.CUSTOMER and self._rng.random() < 0.5
            number = link.remote_id if link and says else ""
            if relink(self._database, view.id, number, actor=ACTOR, now=self._container.clock()).count:
                self.done[f"{RELINKED}: {view.record.entity_type}"] += 1

    def _retry_some(self) -> None:
        """Retry jobs that a person may retry without looking in 24SevenOffice first."""
        harmless = [view for view in self._jobs(*RETRIABLE) if view.error_code != UNSEEN_DRAFT]
        for view in self._some(harmless, at_most=3):
            self._count("retried", job_actions.retry, JobFilter(ids=frozenset({view.id})))

    def _retry_all(self) -> None:
        """Retry all jobs in a state without looking at them first."""
        states = frozenset(self._rng.sample(sorted(RETRIABLE), 2))
        self._count("retried together", job_actions.retry, JobFilter(states=states))

    def _dismiss_some(self) -> None:
        """Dismiss open jobs; a person reopens them later, or in the evening."""
        chosen = {view.id for view in self._some(self._jobs(*OPEN), at_most=4) if view.error_code != UNSEEN_DRAFT}
        self._closed |= chosen
        dismiss = partial(job_actions.dismiss, because=RESOLVED_MANUALLY)
        self._count(DISMISSED, dismiss, JobFilter(ids=frozenset(chosen)))

    def _reopen(self) -> None:
        self._count("reopened", job_actions.reopen, JobFilter(ids=frozenset(self._closed)))
        self._closed.clear()

    def _count(self, what: str, act: Callable[..., job_actions.ActionResult], job_filter: JobFilter) -> None:
        if count := act(self._database, job_filter, actor=ACTOR, now=self._container.clock()).count:
            self.done[what] += count

    def _jobs(self, *states: JobState) -> list[JobView]:
        return list(job_list.latest(self._database, JobFilter(states=frozenset(states)), limit=1000))

    def _some(self, views: list[JobView], *, at_most: int) -> list[JobView]:
        return self._rng.sample(views, min(at_most, len(views)))


def _attempt(act: Callable[[], None]) -> None:
    with suppress(DatabaseUnavailableError, LinkTakenError):
        act()
