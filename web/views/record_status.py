"""The status of a record for people: the same in the rows of a list, its filter and its sheet."""

from collections.abc import Mapping

from i18n.messages import Message, msg
from models.admin.job_list import JobView
from models.enums import PENDING, JobState, Outcome

STATUSES: Mapping[str, Message] = {
    "pending": msg("Pending"),
    JobState.NEEDS_ATTENTION: msg("Needs attention"),
    JobState.QUEUED: msg("Queued"),
    JobState.RUNNING: msg("In progress"),
    JobState.WAITING: msg("Waiting"),
    JobState.RETRYING: msg("Retrying"),
    "synced": msg("Synced"),
    "skipped": msg("Skipped"),
    JobState.DISMISSED: msg("Dismissed"),
}
"""The status filter of a list, as in the URL: a status of its rows, or all pending ones."""

WITH_WARNINGS = msg("Synced with warnings")

TONES = {JobState.NEEDS_ATTENTION: "bad", JobState.DISMISSED: "off", "skipped": "off", "synced": "good"}

DONE = frozenset({JobState.DONE})
STATUS_FILTERS: Mapping[str, tuple[frozenset[JobState], frozenset[Outcome]]] = {
    **{state: (frozenset({state}), frozenset()) for state in JobState},
    "pending": (frozenset(PENDING), frozenset()),
    "synced": (DONE, frozenset({Outcome.SYNCED, Outcome.UNCHANGED})),
    "skipped": (DONE, frozenset({Outcome.SKIPPED})),
}
"""The states and outcomes of each status; ``done`` is in old URLs."""


def status_of(job: JobView) -> Message:
    word = _word(job)
    return WITH_WARNINGS if word == "synced" and job.warnings else STATUSES[word]


def tone_of(job: JobView) -> str:
    word = _word(job)
    return "waits" if word == "synced" and job.warnings else TONES.get(word, "waits")


def _word(job: JobView) -> str:
    if job.state is not JobState.DONE:
        return job.state
    return "skipped" if job.outcome is Outcome.SKIPPED else "synced"
