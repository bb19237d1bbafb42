"""Operations: background work, with progress and results."""

from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response, status
from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

from i18n.messages import from_json, msg
from models.admin.operations import CANCELLED, Operation, OperationEndedError, OperationRunningError, OperationType
from models.connections.settings import FIRST_DAY, ConnectionSettings
from models.enums import EntityType, Scope
from models.users.tokens import TokenScope
from sync.diagnostics.findings import CheckStatus, Finding
from sync.onboarding.backfill import ENTITY_TYPES
from sync.onboarding.preview import PlannedAction
from sync.reconciliation.compare import recorded_report
from sync.reconciliation.report import DiscrepancyType, ReconciliationReport
from web.api.caller import Caller, RequireScope, accepted
from web.api.common_types import PLAIN, SIZE, Body, ConnectionId, Cursor, Limit, OperationId, Page, key_of, page_of
from web.api.problems import ProblemError, invalid
from web.dependencies import MAX_CONNECTION_ID

router = APIRouter(tags=["Operations"])
post_accepted = partial(router.post, status_code=status.HTTP_202_ACCEPTED)

MAX_LOGIN_LENGTH = 500
SCOPE_TO_CANCEL_SAVING = msg("Cancelling someone else's settings requires the scope connections:write.")
Reading = Annotated[Caller, Depends(RequireScope(TokenScope.OPERATIONS_READ))]
Starting = Annotated[Caller, Depends(RequireScope(TokenScope.OPERATIONS_WRITE))]
Login = Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_LOGIN_LENGTH, min_length=1)]
Day = Annotated[date, Field(ge=FIRST_DAY, le=date(2100, 12, 31))]
BackfillType = StrEnum("BackfillType", {each.name: each.value for each in ENTITY_TYPES})  # type: ignore[misc]  # from one list


def as_name(value: str) -> str:
    """Return a stored value in the API's form, in lower case with underscores."""
    return value.lower().replace(" ", "_")


ReportedType = StrEnum("ReportedType", {each.name: as_name(each) for each in DiscrepancyType})  # type: ignore[misc]  # the same


class OperationStatus(StrEnum):
    """The status of an operation.

    `running` operations have been taken by a worker. `finished` operations may have succeeded or failed.
    """

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Progress(BaseModel):
    done: int = Field(description="Number of records processed")
    total: int = Field(description="Number of records to process")


class FindingItem(BaseModel):
    """A finding of a test."""

    status: CheckStatus = Field(description="Result of the check")
    check: str = Field(description="Machine-readable name of the check; empty if the finding is not from a check")
    error_code: str = Field(description="Code of the error that the check encountered; empty if there was none")
    message: str = Field(description="Finding as a sentence")
    remedy: str = Field(description="Suggested remedy; empty if no action is needed")
    setting: str = Field(description="Name of the setting to correct; empty if there is none")


class Client(BaseModel):
    """A client of 24SevenOffice that a login has access to."""

    id: str = Field(description="Value for the setting `identity_id`")
    name: str = Field(description="Name of the client")


class AccountTotal(BaseModel):
    """The total of an account for a VAT code."""

    account: int = Field(description="Account number; 0 if unknown")
    vat_code: str = Field(description="VAT code in 24SevenOffice; empty without VAT")
    rate: str = Field(description="VAT rate of the code in percent; empty if it has none")
    moment: int = Field(description="Total in Moment, in øre; debit is positive, credit is negative")
    ledger: int = Field(description="Total in the ledger, in øre; debit is positive, credit is negative")


class DiscrepancyItem(BaseModel):
    """An invoice, voucher or expense with a discrepancy."""

    key: str = Field(description="Identifier of the discrepancy, the same in each reconciliation of the period")
    type: ReportedType = Field(
        description="Type of the discrepancy. For an invoice in the ledger: `missing`, `hidden`, `taken_back` "
        "(reversed), `doubled`, `different` or `only_in_the_ledger`. For an expense: `not_in_moment`, "
        "`different_in_moment`, `only_in_moment` or `doubled_in_moment`. `unreadable` ones cannot be compared."
    )
    description: str = Field(description="Type of the discrepancy, in the requested language")
    number: str = Field(description="Invoice number; for an expense, the supplier's. Empty if unknown")
    day: date = Field(description="Date of the invoice or voucher")
    amount: int = Field(description="Amount including VAT, in øre; negative for a credit")
    moment_id: str = Field(description="Id of the invoice in Moment; empty if it is not in Moment")
    vouchers: list[str] = Field(description="Vouchers by fiscal year, type and number, such as 2026-101-17")
    details: list[str] = Field(description="What differs, as sentences with both values")
    remedy: str = Field(description="Suggested remedy")


class Report(BaseModel):
    """The comparison of the ledgers for a period, without accepted discrepancies."""

    agree: bool = Field(description="True if there are no discrepancies except accepted ones")
    equal: int = Field(description="Number of invoices or expenses that are the same in both systems")
    discrepancies: list[DiscrepancyItem] = Field(description="Discrepancies, except accepted ones")
    accepted: int = Field(description="Number of discrepancies that a person has accepted")
    totals: list[AccountTotal] = Field(description="Totals by account and VAT code")
    vat_included: bool = Field(
        description="True if the totals include VAT, as for expenses; false if they are those of the ledger's "
        "accounts: revenue excluding VAT, and VAT on its own accounts"
    )


class Reconciliation(BaseModel):
    first: date = Field(description="First day of the period")
    last: date = Field(description="Last day of the period, included")
    invoices: Report = Field(description="Comparison of invoices")
    expenses: Report | None = Field(description="Comparison of expenses; null if they are not synced")


class MatchItem(BaseModel):
    """The planned action for a customer or project in Moment."""

    entity_type: EntityType = Field(description="Type of the record: customer or project")
    record_id: str = Field(description="Id of the record in Moment")
    title: str = Field(description="Display name of the record")
    action: PlannedAction = Field(description="Action planned for the record")
    remote_id: str = Field(description="Number in 24SevenOffice; empty if unknown")
    why: str = Field(description="Reason for the action, as a sentence; empty if none is needed")


class Matching(BaseModel):
    counts: dict[PlannedAction, int] = Field(
        description="Number of records by action, including those not listed in `records`"
    )
    records: list[MatchItem] = Field(description="The first 500 records")


class BackfilledType(BaseModel):
    """The number of records of an entity type in a backfill's period, by status."""

    entity_type: EntityType = Field(description="Type of the records")
    records: int = Field(description="Number of records in the period")
    synced: int = Field(description="Number of these records that are synced")
    needs_attention: int = Field(description="Number of these records that need attention")
    pending: int = Field(description="Number of these records that are still to be processed")


class PlannedEntry(BaseModel):
    """A line of a voucher."""

    account: int = Field(description="Account number")
    project_number: int | None = Field(description="Project number; null without a project")
    vat_code: str = Field(description="VAT code in 24SevenOffice; empty without VAT")
    amount: int = Field(description="Amount in øre; debit is positive, credit is negative")


class PlannedItem(BaseModel):
    """The planned action for a record."""

    entity_type: EntityType = Field(description="Type of the record")
    record_id: str = Field(description="Id of the record in Moment")
    title: str = Field(description="Display name of the record")
    action: PlannedAction = Field(description="Action planned for the record")
    remote_id: str = Field(
        description="Number of the record in 24SevenOffice that is linked or would be; empty if unknown"
    )
    why: str = Field(description="Reason for the action, as a sentence; empty if none is needed")
    customer: str = Field(description="Customer of the voucher; empty if no voucher would be posted")
    day: date | None = Field(description="Date of the voucher; null if no voucher would be posted")
    entries: list[PlannedEntry] = Field(description="Lines of the voucher, starting with the receivable")


class BackfillPreview(BaseModel):
    """The preview of a backfill. Nothing is written."""

    known: int = Field(
        description="Number of records that would be left alone, since they are synced, pending or need attention"
    )
    vouchers: int = Field(description="Number of vouchers that would be posted")
    amount: int = Field(description="Total of these vouchers that customers would owe, in øre")
    counts: dict[PlannedAction, int] = Field(
        description="Number of records by action, including those not listed in `records`"
    )
    records: list[PlannedItem] = Field(description="The first 500 records")


class Result(BaseModel):
    """The result of an operation. Fields of other operation types are empty or null."""

    succeeded: bool = Field(
        description="True if no finding is `bad`, the compared ledgers agree, and entered settings were saved"
    )
    findings: list[FindingItem] = Field(description="Findings of a test, or the reasons why an operation failed")
    clients: list[Client] = Field(
        description="Clients that the login has access to; only for the token that sent the login, and for tokens "
        "for all connections"
    )
    reconciliation: Reconciliation | None = Field(description="Result of a reconciliation")
    matching: Matching | None = Field(description="Plan or result of an initial matching")
    backfill: list[BackfilledType] | None = Field(description="Result of a backfill by entity type")
    backfill_preview: BackfillPreview | None = Field(description="Result of a backfill preview")
    outdated: bool = Field(
        description="True if the settings were not saved because they had been changed in the meantime"
    )
    diagnostics_id: int | None = Field(
        description="Id of the operation that tests the saved settings; null if there is none"
    )


class OperationItem(BaseModel):
    """Work in the background."""

    id: int = Field(description="Id of the operation")
    connection_id: int = Field(description="Id of the connection")
    type: OperationType = Field(description="Type of the operation")
    status: OperationStatus = Field(description="Status of the operation")
    requested_at: datetime = Field(description="Time of the request")
    completed_at: datetime | None = Field(description="Time when it finished or was cancelled; null before that")
    progress: Progress | None = Field(description="Progress of a backfill; null for other types")
    result: Result | None = Field(description="Result of the operation; null until it is finished")


class Period(Body):
    """A period of days in Norway, both included."""

    first: Day = Field(description="First day of the period")
    last: Day = Field(description="Last day of the period, included")

    @model_validator(mode="after")
    def _ordered(self) -> "Period":
        if self.first > self.last:
            raise ValueError(msg("The period ends before it starts."))
        return self


class Backfill(Period):
    entity_types: set[BackfillType] = Field(
        default=set(), description="Entity types to sync; empty for all that the connection syncs"
    )


class InitialMatching(Body):
    dry_run: bool = Field(default=False, description="Only preview the links, new records and questions")
    create: bool = Field(
        default=False,
        description="Create missing records in 24SevenOffice at once, instead of at their next change",
    )


class LoginToTry(Body):
    """A login to 24SevenOffice. It is not saved."""

    username: Login = Field(description="User name in 24SevenOffice")
    password: Annotated[SecretStr, Field(min_length=1, max_length=MAX_LOGIN_LENGTH)] | None = Field(
        default=None, description="Optional for tokens for all connections; the default is the saved password"
    )


@router.get("/operations", operation_id="listOperations")
def list_operations(
    caller: Reading,
    connection_id: Annotated[
        int | None, Query(ge=1, le=MAX_CONNECTION_ID, description="Only operations of this connection")
    ] = None,
    type: Annotated[  # noqa: A002 - the name in the URL
        set[OperationType] | None, Query(description="Types to include")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = SIZE,
) -> Page[OperationItem]:
    """List operations, most recently requested first."""
    scope = caller.scope
    if connection_id is not None:
        caller.expect_allowed(connection_id)
        scope = Scope(frozenset({connection_id}))
    operations = caller.container.operations
    found = operations.page(scope, types=type or (), key=key_of(cursor), size=limit)
    return page_of([_item(caller, each) for each in found.lines], found)


@router.get("/operations/{operation_id}", operation_id="getOperation")
def get_operation(caller: Reading, operation_id: OperationId) -> OperationItem:
    """Get an operation with its progress and result."""
    return _item(caller, _visible(caller, operation_id))


@router.post("/operations/{operation_id}/cancel", operation_id="cancelOperation")
def cancel_operation(caller: Starting, operation_id: OperationId) -> OperationItem:
    """Cancel an operation. Work that is done stays, and a running operation stops as soon as it can.

    Saving settings can be cancelled by the actor who requested it, or with the scope `connections:write`. The
    monthly reconciliation cannot be cancelled.
    """
    operation = _visible(caller, operation_id)
    others = operation.type is OperationType.SAVING and operation.actor != str(caller.actor)
    if others and TokenScope.CONNECTIONS_WRITE not in caller.token.scopes:
        raise ProblemError("scope_missing", SCOPE_TO_CANCEL_SAVING)
    try:
        caller.container.operations.cancel(operation_id, actor=str(caller.actor), now=caller.now)
    except OperationEndedError:
        raise ProblemError("operation_ended") from None
    except OperationRunningError:
        raise ProblemError("operation_running") from None
    return _item(caller, _visible(caller, operation_id))


@post_accepted("/connections/{connection_id}/verifications", operation_id="verifyCredentials")
def verify_credentials(caller: Starting, connection_id: ConnectionId, response: Response) -> OperationItem:
    """Verify the credentials of a connection in both systems."""
    return _request(caller, OperationType.VERIFICATION, connection_id, response)


@post_accepted("/connections/{connection_id}/diagnostics", operation_id="testConnection")
def run_diagnostics(caller: Starting, connection_id: ConnectionId, response: Response) -> OperationItem:
    """Test the credentials and settings of a connection in both systems. Nothing is written."""
    return _request(caller, OperationType.DIAGNOSTICS, connection_id, response)


@post_accepted("/connections/{connection_id}/clients", operation_id="findClients")
def find_clients(
    caller: Starting, connection_id: ConnectionId, login: LoginToTry, response: Response
) -> OperationItem:
    """Find the clients of 24SevenOffice that a login has access to.

    At most 5 logins an hour are tried for a connection.
    """
    password = login.password.get_secret_value() if login.password else ""
    if not password and caller.token.administers_all:
        password = caller.connection(connection_id).settings.password.get_secret_value()
    if not password:
        raise invalid("password", msg("This field is required."))
    typed = {"username": login.username, "password": password}
    for name, value in typed.items():
        try:
            ConnectionSettings.reject_unreadable_characters(value)
        except ValueError as error:
            raise invalid(name, error.args[0]) from None
    if login.password:
        caller.expect_few_logins(login.username, password)
    return _request(caller, OperationType.CLIENTS, connection_id, response, typed)


@post_accepted("/connections/{connection_id}/reconciliations", operation_id="reconcile")
def reconcile(caller: Starting, connection_id: ConnectionId, period: Period, response: Response) -> OperationItem:
    """Compare the invoices and expenses in Moment with the ledger in 24SevenOffice. Nothing is written."""
    days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
    return _request(caller, OperationType.RECONCILIATION, connection_id, response, days)


@post_accepted("/connections/{connection_id}/initial-matchings", operation_id="matchInitially")
def match_initially(
    caller: Starting, connection_id: ConnectionId, response: Response, matching: InitialMatching | None = None
) -> OperationItem:
    """Link the customers and projects that exist in both systems. Unclear matches become questions."""
    asked = {name: "yes" if yes else "" for name, yes in (matching or InitialMatching()).model_dump().items()}
    return _request(caller, OperationType.INITIAL_MATCHING, connection_id, response, asked)


@post_accepted("/connections/{connection_id}/backfills", operation_id="backfill")
def start_backfill(
    caller: Starting, connection_id: ConnectionId, backfill: Backfill, response: Response
) -> OperationItem:
    """Sync the customers, projects and invoices of a period.

    They are synced a few at a time, so that other records are not delayed.
    """
    return _request(caller, OperationType.BACKFILL, connection_id, response, _backfill_input(backfill))


@post_accepted("/connections/{connection_id}/backfill-previews", operation_id="previewBackfill")
def preview_backfill(
    caller: Starting, connection_id: ConnectionId, backfill: Backfill, response: Response
) -> OperationItem:
    """Preview a backfill: the records to sync, and those to skip with the reasons. Nothing is written."""
    return _request(caller, OperationType.BACKFILL_PREVIEW, connection_id, response, _backfill_input(backfill))


def _backfill_input(backfill: Backfill) -> dict[str, str]:
    days = {"first": backfill.first.isoformat(), "last": backfill.last.isoformat()}
    return {**days, "entity_types": ",".join(sorted(backfill.entity_types))}


def _request(
    caller: Caller,
    type_: OperationType,
    connection_id: int,
    response: Response,
    input_: dict[str, str] | None = None,
) -> OperationItem:
    caller.connection(connection_id)  # 404 if it does not exist
    operation_id = caller.request_operation(type_, connection_id, input_=input_)
    accepted(response, operation_id)
    return _item(caller, _visible(caller, operation_id))


def _visible(caller: Caller, operation_id: int) -> Operation:
    operation = caller.container.operations.get(operation_id)
    if operation is None:
        raise ProblemError("not_found")
    caller.expect_allowed(operation.connection_id)
    return operation


def _item(caller: Caller, operation: Operation) -> OperationItem:
    stored, is_leased = operation.result, operation.lease_expires_at and operation.lease_expires_at > caller.now
    current, result = OperationStatus.RUNNING if is_leased else OperationStatus.WAITING, None
    if stored is not None:
        current = OperationStatus.CANCELLED if CANCELLED in stored else OperationStatus.FINISHED
    if stored and current is OperationStatus.FINISHED:
        result = _result(caller, operation, stored)
    return caller.build_from(OperationItem, operation, status=current, result=result)


def _result(caller: Caller, operation: Operation, result: dict[str, Any]) -> Result:
    findings = [Finding.from_json(each) for each in result.get("findings", [])]
    own_login = operation.type is OperationType.CLIENTS and operation.actor == str(caller.actor)
    sees_clients = own_login or caller.token.scope.connections is None
    compared = _reconciliation(caller, operation)
    agree = compared is None or all(each.agree for each in (compared.invoices, compared.expenses) if each)
    wrong = any(each.status is CheckStatus.BAD for each in findings) or bool(result.get("outdated"))
    return Result(
        succeeded=agree and not wrong,
        findings=[caller.build_from(FindingItem, each) for each in findings],
        clients=[Client.model_validate(each) for each in result.get("clients", [])] if sees_clients else [],
        reconciliation=compared,
        matching=_planned(caller, result.get("matching")),
        backfill=result.get("backfill"),
        backfill_preview=_planned(caller, result.get("backfill_preview")),
        outdated=bool(result.get("outdated")),
        diagnostics_id=result.get("diagnostics"),
    )


def _reconciliation(caller: Caller, operation: Operation) -> Reconciliation | None:
    report = recorded_report(caller.database, operation)
    if report is None:
        return None
    expenses = _report(caller, report.expenses) if report.expenses else None
    return Reconciliation(
        first=report.first, last=report.last, invoices=_report(caller, report), expenses=expenses
    )


def _report(caller: Caller, report: ReconciliationReport) -> Report:
    return Report(
        agree=not report.discrepancies,
        equal=report.count("equal"),
        discrepancies=[
            caller.build_from(DiscrepancyItem, each, type=ReportedType(as_name(each.type)))
            for each in report.discrepancies
        ],
        accepted=len(report.accepted),
        totals=[AccountTotal.model_validate(each, from_attributes=True) for each in report.totals],
        vat_included=report.vat_included,
    )


def _planned(caller: Caller, stored: dict[str, Any] | None) -> Any:  # noqa: ANN401 - the model of its field checks it
    """Return a stored plan with the sentences of its records in the requested language."""
    if stored is None:
        return None
    sentences = {"title", "why"}
    records = [
        {name: caller.translate(from_json(value)) if name in sentences else value for name, value in each.items()}
        for each in stored["records"]
    ]
    return {**stored, "records": records}
