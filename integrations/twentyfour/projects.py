"""Projects as 24SevenOffice words them: the Project service."""

from datetime import date, datetime, time
from typing import Any

from i18n.messages import msg
from integrations.twentyfour.session import Session
from models.connections.settings import WHOLE_NUMBERS, ClientIdField
from sync.errors import MisconfiguredError, RejectedError
from sync.records import ExistingProject, ProjectDraft

UNSET = (None, "", 0, -(2**31))
"""What .NET says of a field that holds nothing."""


def save(session: Session, draft: ProjectDraft, *, client_id: str, field: ClientIdField) -> None:
    """Create or overwrite a project, whose number is its Id (SaveProject).

    Args:
        session: the login that saves.
        draft: the project.
        client_id: goes on every project (assumption S2), unless it is empty.
        field: where it goes.
    """
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
            msg(
                "24SevenOffice saved project {number} under the number {other}.", number=draft.number, other=saved
            ),
            error_code="project_number",
            remedy=msg("Give one of them another number."),
        )


def read(session: Session, number: int, *, field: ClientIdField) -> ExistingProject | None:
    """Read the project with this number (GetSingleProject), and what stands in one of its fields."""
    found = session.call("Project", "GetSingleProject", projectId=number)
    if found is None or found.Id != number:
        return None
    return ExistingProject(number, found.Name or "", client_id=client_id_of(found, field))


def client_id_of(project: Any, field: ClientIdField) -> str:  # noqa: ANN401 - what zeep makes of a Project
    """Tell what a project of 24SevenOffice holds in the field for the client id, empty text where nothing."""
    held = project[field]
    return "" if held in UNSET else str(held)


def _client_id(client_id: str, field: ClientIdField) -> str | int | None:
    if not client_id or field not in WHOLE_NUMBERS:
        return client_id or None
    if client_id.isdecimal():
        return int(client_id)
    raise MisconfiguredError(
        msg(
            "The client id “{client_id}” is no number, but {field} of projects takes only numbers.",
            client_id=client_id,
            field=field,
        ),
        error_code="client_id",
        remedy=msg("Correct the client id or choose another field for it in the connection's settings."),
    )


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time()) if day else None
