"""The records: lists, one record in detail, and the actions of operators on one or many."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby
from typing import Any

from fastapi import APIRouter, HTTPException, Response, status
from starlette.datastructures import ImmutableMultiDict

from i18n.formatting import OSLO
from models.admin import email_log, job_actions, job_details, job_list, match_questions, notes, relink
from models.admin.job_actions import ALLOWED_STATES, DEFAULT_REASONS, DISMISSED, ActionResult, JobActionName
from models.admin.job_details import AttemptView
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView, Sort
from models.admin.related_records import related_records
from models.enums import EntityType, JobState, Outcome
from models.inbox.links import LinkTakenError
from models.invalid_input import InvalidInputError
from models.pagination import Key, Page
from models.users.sessions import Notice
from sync.error_codes import ERROR_CODES, GROUPS
from sync.rules.match_comparison import FIELDS, compare
from sync.rules.record_numbers import is_int32
from web.dependencies import Form, text
from web.downloads import send_file
from web.security.auth import Operator, Reader, UserContext
from web.views.record_export import export_records
from web.views.record_filter import RecordUrlFilter
from worker import dispatch

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Repeats:
    """Consecutive attempts that changed nothing and ended alike, latest first."""

    attempts: list[AttemptView]

    @property
    def at(self) -> datetime:
        return self.attempts[0].at


Timeline = list[AttemptView | job_details.JobAction | Repeats]

LEFT_CLOSED = "retry_left_closed"
"""Added to a notice if some of the jobs to retry had been dismissed meanwhile."""

MAX_SHOWN = 20
"""Records that a confirmation lists; the others are counted."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INSTANT = re.compile(r"\d{1,16}")
NUMBER = re.compile(r"\d{1,18}")


@router.get("/records")
def show_all(context: Reader, page: str = "") -> Response:
    return _list(context, "records.html", page=page)


@router.get("/expenses")
def show_expenses(context: Reader, page: str = "") -> Response:
    return _list(context, "expenses.html", page=page, entity_type=EntityType.EXPENSE)


@router.get("/records/export")
def export(context: Reader, form: str = "") -> Response:
    return _export(context, form)


@router.get("/expenses/export")
def export_expenses(context: Reader, form: str = "") -> Response:
    return _export(context, form, entity_type=EntityType.EXPENSE)


@router.get("/records/confirm")
def confirm(context: Operator) -> Response:
    given = context.request.query_params
    name, now = _action(given), context.now
    job_filter = replace(_filter_of(context, name, given), until=now)
    return context.render(
        "confirm.html",
        action=name,
        count=job_actions.count(context.database, job_filter),
        jobs=job_list.latest(context.database, job_filter, limit=MAX_SHOWN),
        hidden_fields=[*_hidden_fields(given), ("until", str((now - EPOCH) // MICROSECOND))],
        back=_back(given),
    )


@router.post("/records/act")
def act(context: Operator, form: Form) -> Response:
    given = ImmutableMultiDict([(name, str(value)) for name, value in form.multi_items()])
    name, now = _action(given), context.now
    acted = job_actions.perform(
        context.database, name, _filter_of(context, name, given), actor=context.actor, now=now
    )
    dispatch.dispatch_lanes(acted.lanes)
    if name is JobActionName.RETRY and job_actions.count(context.database, _closed_among_selected(context, given)):
        return context.redirect(_back(given), LEFT_CLOSED, count=acted.count)
    undo = str((now - EPOCH) // MICROSECOND) if name in DEFAULT_REASONS else ""
    return context.redirect(_back(given), name, count=acted.count, undo=undo)


@router.get("/records/{job_id}")
def show(context: Reader, job_id: int, page: str = "") -> Response:
    return _show(context, job_id, page=page)


@router.post("/records/{job_id}/notes")
def add_note(context: Operator, job_id: int, form: Form) -> Response:
    """Add a note to a record. A note that cannot be saved stays in the form."""
    _visible_job(context, job_id)
    note = text(form, "note")
    try:
        notes.add(context.database, job_id, note, actor=context.actor, now=context.now)
    except InvalidInputError as error:
        return _show(context, job_id, note=note, errors={"note": error.errors["text"]})
    return context.redirect(f"/records/{job_id}#notes", "note-added")


def _show(
    context: UserContext, job_id: int, *, page: str = "", note: str = "", errors: Mapping[str, str] | None = None
) -> Response:
    database = context.database
    job = _visible_job(context, job_id)
    notice, attempts = context.take_notice(), job_details.attempts_page(database, job_id, key=Key.parse(page))
    return context.render(
        "record.html",
        job=job,
        urls=context.container.record_urls(job),
        error_code=ERROR_CODES.get(job.error_code),
        attempts=attempts,
        timeline=_timeline(attempts, job_details.actions(database, job_id)),
        emails=email_log.of_job(database, job_id),
        done=_done(notice),
        **_asked_about(context, job),
        choice=match_questions.undoable_choice(database, job_id),
        match_notice=notice.code,
        notes=notes.of_job(database, job_id),
        note=note,
        related=related_records(database, job),
        errors=errors or {},
        relinks=bool(job.remote_id)
        and job.record.entity_type in relink.RELINKABLE_TYPES
        and job.state is not JobState.RUNNING,
        link_problem=notice.code.removeprefix("link-"),
        actions=[name for name, action in ALLOWED_STATES.items() if job.state in action.for_selected],
    )


@router.get("/records/{job_id}/match")
def confirm_match(context: Operator, job_id: int, choice: str = "") -> Response:
    """Explain a choice before the user confirms it; one that is no longer offered can't be confirmed."""
    job = _visible_job(context, job_id)
    question = match_questions.open_question(context.database, job_id)
    offered = question and choice in question.choices(job.record.entity_type)
    connection = context.container.connections.get_even_unreadable(job.connection_id)
    return context.render(
        "match-confirm.html",
        job=job,
        **_asked_about(context, job, choice=choice),
        choice=choice if offered else "",
        candidate=question.candidate(choice) if question else None,
        saves_details=connection.settings.customer_details == "always",
    )


@router.post("/records/{job_id}/answer")
def answer(context: Operator, job_id: int, form: Form) -> Response:
    """Save the chosen 24SevenOffice record, or that it is none of them; a choice not offered changes nothing."""
    _visible_job(context, job_id)
    acted = match_questions.answer(
        context.database, job_id, text(form, "choice"), actor=context.actor, now=context.now
    )
    dispatch.dispatch_lanes(acted.lanes)
    return context.redirect(f"/records/{job_id}", "match-chosen" if acted.count else "match-void")


@router.post("/records/{job_id}/undo-match")
def undo_match(context: Operator, job_id: int) -> Response:
    _visible_job(context, job_id)
    acted = match_questions.undo(context.database, job_id, actor=context.actor, now=context.now)
    return context.redirect(f"/records/{job_id}", "match-undone" if acted.count else "match-void")


@router.post("/records/{job_id}/link")
def link(context: Operator, job_id: int, form: Form) -> Response:
    """Unlink a customer or project, then match it again or link it to the customer with the given number."""
    _visible_job(context, job_id)
    number = text(form, "number").strip()
    if number and not is_int32(number):
        return _not_linked(context, job_id, "invalid")
    try:
        acted = relink.relink(context.database, job_id, number, actor=context.actor, now=context.now)
    except LinkTakenError:
        return _not_linked(context, job_id, "taken")
    return _retried(context, job_id, acted)


def _list(context: UserContext, template: str, *, page: str, entity_type: EntityType | None = None) -> Response:
    asked, job_filter, sort = _asked(context, entity_type)
    key, totals = Key.parse(page), None
    if asked.is_narrow:
        found, totals = job_list.page_with_totals(context.database, job_filter, key=key, sort=sort)
    else:
        found = job_list.page_with_place(context.database, job_filter, key=key, sort=sort)
    return context.render(
        template,
        filter=asked,
        page=found,
        done=_done(context.take_notice()),
        groups=GROUPS,
        totals=totals,
    )


def _export(context: UserContext, form: str, *, entity_type: EntityType | None = None) -> Response:
    """Send everything that a list shows, including its later pages, as CSV for programs or for Norwegian Excel."""
    _, job_filter, sort = _asked(context, entity_type)
    views = job_list.every(context.database, job_filter, sort=sort)
    lines = export_records(views, for_excel=form == "excel", language=context.current_user.language)
    name = f"{'expenses' if entity_type else 'records'}-{context.now.astimezone(OSLO):%Y-%m-%d}.csv"
    return send_file(context, lines, name=name, media_type="text/csv; charset=utf-8")


def _asked(context: UserContext, entity_type: EntityType | None) -> tuple[RecordUrlFilter, JobFilter, Sort]:
    """Return the requested filter and order of a list."""
    asked = RecordUrlFilter.read(context.request.query_params)
    job_filter = asked.job_filter(context.database, context.scope)
    if entity_type:
        job_filter = replace(job_filter, entity_type=entity_type)
    return asked, job_filter, Sort(asked.sort or Sort.RECEIVED)


def _done(notice: Notice) -> Notice | None:
    return notice if notice.code in (*ALLOWED_STATES, LEFT_CLOSED) else None


def _timeline(attempts: Page[AttemptView], actions: Sequence[job_details.JobAction]) -> Timeline:
    """Merge people's actions with the attempts of a page, latest first."""
    lines = attempts.lines
    first = lines[-1].at if attempts.older else None
    last = lines[0].at if attempts.newer else None
    between = (each for each in actions if (not first or each.at >= first) and (not last or each.at <= last))
    return _folded(sorted(chain(lines, between), key=lambda each: each.at, reverse=True))


def _folded(events: Sequence[AttemptView | job_details.JobAction]) -> Timeline:
    """Fold consecutive attempts that changed nothing, and ended alike, into one line."""
    timeline: Timeline = []
    for _, group in groupby(events, key=_how_it_ended):
        some = list(group)
        attempts = [each for each in some if isinstance(each, AttemptView)]
        timeline += [Repeats(attempts)] if len(attempts) > 1 else some
    return timeline


def _how_it_ended(event: AttemptView | job_details.JobAction) -> object:
    """Return the key by which attempts without changes are alike; any other event has its own."""
    if not isinstance(event, AttemptView) or event.outcome not in (Outcome.UNCHANGED, Outcome.SKIPPED):
        return event
    return event.outcome, event.error_code, event.message, event.warnings


def _visible_job(context: UserContext, job_id: int) -> JobView:
    """Return a job that the user may see; otherwise 404."""
    job = job_details.find(context.database, job_id)
    if job is None or not context.scope.allows(job.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return job


def _asked_about(context: UserContext, job: JobView, *, choice: str = "") -> dict[str, Any]:
    """Return the template values of an open question: all its candidates, or only the chosen one."""
    question = match_questions.open_question(context.database, job.id)
    candidates = question.candidates if question else ()
    own = question.moment_record if question else None
    return {
        "question": question,
        "match_fields": FIELDS.get(job.record.entity_type, {}),
        "compared": [(each, compare(own, each)) for each in candidates if choice in ("", each.number)],
    }


def _retried(context: UserContext, job_id: int, acted: ActionResult) -> Response:
    dispatch.dispatch_lanes(acted.lanes)
    return context.redirect(f"/records/{job_id}", "retry", count=acted.count)


def _not_linked(context: UserContext, job_id: int, problem: str) -> Response:
    return context.redirect(f"/records/{job_id}#link", f"link-{problem}")


def _action(given: ImmutableMultiDict[str, str]) -> JobActionName:
    try:
        return JobActionName(given.get("action", ""))
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None


def _filter_of(context: UserContext, name: JobActionName, given: ImmutableMultiDict[str, str]) -> JobFilter:
    """Return the jobs that are meant: those ticked, those dismissed together, or all that match the filter."""
    scope, until = context.scope, _instant(given.get("until", ""))
    if dismissed_at := _instant(given.get("dismissed_at", "")):
        return job_actions.narrow_selection(name, JobFilter(scope=scope, dismissed_at=dismissed_at))
    if "all" not in given:
        return job_actions.narrow_selection(
            name, JobFilter(scope=scope, ids=frozenset(map(int, _selected_ids(given))))
        )
    job_filter = RecordUrlFilter.read(given).job_filter(context.database, scope)
    return replace(job_actions.narrow_filter(name, job_filter), until=until)


def _closed_among_selected(context: UserContext, given: ImmutableMultiDict[str, str]) -> JobFilter:
    return JobFilter(scope=context.scope, ids=frozenset(map(int, _selected_ids(given))), states=DISMISSED)


def _selected_ids(given: ImmutableMultiDict[str, str]) -> list[str]:
    return [each for each in given.getlist("job") if NUMBER.fullmatch(str(each))]


def _instant(text: str) -> datetime | None:
    return EPOCH + int(text) * MICROSECOND if INSTANT.fullmatch(text) else None


def _hidden_fields(given: ImmutableMultiDict[str, str]) -> list[tuple[str, str]]:
    fields = [("job", each) for each in _selected_ids(given)]
    fields += [("all", "yes")] if "all" in given else []
    return [*fields, ("from", given.get("from", "")), *RecordUrlFilter.read(given).as_params.items()]


def _back(given: ImmutableMultiDict[str, str]) -> str:
    """Return the URL that the user came from: a record, the expenses, or the list of records with its filter."""
    ticked = _selected_ids(given)
    if given.get("from") == "record" and ticked:
        return f"/records/{int(ticked[0])}"
    path = "/expenses" if given.get("from") == "expenses" else "/records"
    return RecordUrlFilter.read(given).url(path)
