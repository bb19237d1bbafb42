"""Customers and projects with a question about their match."""

from models.enums import EntityType, Record
from models.inbox import questions
from models.inbox.questions import Candidate
from models.inbox.transitions import JobEvent
from tests.factories import NOW
from tests.models.completed_jobs import completed_job
from tests.web.conftest import Web
from worker.container import Container

CANDIDATES = (
    Candidate("10234", "Nordlys Oslo", "923609016", "oslo@nordlys.example", address="Storgata 1, 0155 Oslo"),
    Candidate("10235", "Nordlys <Bergen>", "923609016", note="inactive"),
    Candidate("10236", "Nordlys Tromsø", "923609016", note="taken"),
)
OWN = Candidate("", "NORDLYS OSLO", "923609016", "bergen@nordlys.example", address="Kaia 2, 5003 Bergen")
"""The Moment record that these are asked about."""


def add_question(
    web: Web, container: Container, entity_type: EntityType = EntityType.CUSTOMER, *candidates: Candidate
) -> int:
    """Make a job that waits for an answer about its match."""
    error_code = "which_customer" if entity_type is EntityType.CUSTOMER else "project_taken"
    job_id = completed_job(
        container.database,
        web.connection.id,
        Record(entity_type, "7"),
        event=JobEvent.REJECTED,
        title="It",
        error_code=error_code,
    ).id
    with container.database.transaction() as session:
        questions.ask(session, job_id, candidates or CANDIDATES, moment_record=OWN, now=NOW)
    return job_id
