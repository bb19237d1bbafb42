"""The API with requests that its document allows or forbids: ``make fuzz-api`` sends 5,000."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from models.admin.operations import OperationType
from models.receivers import deliveries
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import DeliveryProblem
from tests.installation import add_failed_job, environment
from tests.web.api.program import Program
from tests.web.conftest import Web
from tests.web.customers import add_receiver
from web.api.app import get_api
from worker.container import Container, clock

FEW, MANY = 5, 1250
"""Requests of each test: as many as of other tests, and with ``make fuzz-api``."""

REFUSALS = [400, 401, 403, 404, 405, 409, 413, 415, 422, 428, 429]
"""Permitted responses to requests that do not match the document; one that is too long as well, with 413."""


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url) | {"API_REQUESTS_PER_MINUTE": "1000000"}


@pytest.fixture
def known(web: Web, container: Container) -> dict[str, object]:
    """Existing ids for the parameters of paths."""
    number = web.connection.id
    asked = container.operations.request(OperationType.DIAGNOSTICS, number, actor="test", now=clock())
    ids: dict[str, object] = {
        "connection_id": number,
        "job_id": add_failed_job(container, web.connection),
        "operation_id": asked,
    }
    ids |= add_receiver(container, web.connection)
    fail_deliveries(container)
    return ids


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.thousands)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_response_matches_the_document(
    program: Program, known: dict[str, object], mode: GenerationMode, examples: int
) -> None:
    schema = schema_of_the_document()
    operations: list[Any] = [each.ok() for each in schema.get_all_operations()]
    cases = st.one_of([each.as_strategy(generation_mode=mode) for each in operations])

    @settings(max_examples=examples)
    @given(cases, st.booleans())
    def send(case: Case[Any], there: bool) -> None:  # noqa: FBT001 - Hypothesis gives them by their places
        if there and mode is GenerationMode.POSITIVE:
            case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
        _validate(case, program)

    send()


def test_responses_about_existing_data_match_the_document(program: Program, known: dict[str, object]) -> None:
    schema = schema_of_the_document()
    for operation in (each.ok() for each in schema.get_all_operations()):
        if operation.method == "get":
            names = [each.name for each in operation.path_parameters]
            _validate(operation.Case(path_parameters={name: known[name] for name in names}), program)


@pytest.mark.parametrize("examples", [1, pytest.param(MANY // 5, marks=pytest.mark.thousands)])
@pytest.mark.usefixtures("known")
def test_what_was_created_can_be_used(program: Program, examples: int) -> None:
    schema = schema_of_the_document()

    class Steps(schema.as_state_machine()):  # type: ignore[misc]  # made for this document
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:  # noqa: ARG002 - as it is called
            return {"base_url": f"{program.url}/api/v1", "headers": {"Authorization": f"Bearer {program.token}"}}

        def validate_response(self, response: Any, case: Case[Any], **_: Any) -> None:
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

    Steps.run(settings=settings(max_examples=examples, stateful_step_count=10))


def test_every_value_is_described() -> None:
    document = get_api().openapi()
    values = {
        f"{name}.{field}": value
        for name, schema in document["components"]["schemas"].items()
        for field, value in schema.get("properties", {}).items()
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            values |= {f"{method} {path} {each['name']}": each for each in operation["parameters"]}
    assert [name for name, value in values.items() if not value.get("description")] == []


def fail_deliveries(container: Container) -> None:
    """Make one attempt at every due delivery, which no receiver answers."""
    now, unanswered = clock(), DeliveryAttempt(problem=DeliveryProblem.NO_CONNECTION)
    for receiver_id in deliveries.due_receivers(container.database, now=now):
        lease = deliveries.acquire(container.database, receiver_id, now=now, until=now)
        assert lease
        for each in deliveries.due(container.database, lease, now=now, limit=100):
            deliveries.complete(container.database, lease, each.id, unanswered, now=now, jitter=0)


def schema_of_the_document() -> Any:
    """Return the schema for making requests, without headers that end in blanks: HTTP strips them."""
    config = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
    schema = schemathesis.openapi.from_dict(
        document_without_tokens(), config=schemathesis.Config.from_dict(config)
    )

    @schema.hook
    def filter_headers(_: object, headers: Mapping[str, object] | None) -> bool:
        return all(str(each) == str(each).strip() for each in (headers or {}).values())

    return schema


def document_without_tokens() -> dict[str, Any]:
    """Return the document without its tokens, as every request here has a valid one."""
    document: dict[str, Any] = deepcopy(get_api().openapi())
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["security"]
    return document


# Some values fit the document and not each other, or are too long ago: that is 422, as the document says too.
def _validate(case: Case[Any], program: Program) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    url = f"{program.url}/api/v1"
    case.call_and_validate(base_url=url, headers=headers, excluded_checks=[positive_data_acceptance])
