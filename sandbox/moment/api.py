"""Moment's REST API, as far as it is known: companies and their resources, HTTP Basic, pages, includes."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, UploadFile
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from sandbox.moment import exact_json
from sandbox.moment.exact_json import JsonResponse
from sandbox.moment.list_queries import list_page, read
from sandbox.moment.record_store import RecordStore
from sandbox.moment.records import Attachment
from sandbox.moment.state import RefusedError, find

PREFIX = "/api/1.0/companies/{company_id}"
CHUNK_BYTES = 1 << 20

Credentials = Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]


def get_store(request: Request) -> RecordStore:
    store: RecordStore = request.app.state.data
    return store


StoreDep = Annotated[RecordStore, Depends(get_store)]


async def check_key(company_id: str, credentials: Credentials, store: StoreDep) -> None:
    """Accept the company's key: 401 for an unknown key, 403 for another company's."""
    companies = store.state.companies.values()
    if credentials.username != "apikey" or credentials.password not in {company.api_key for company in companies}:
        raise RefusedError(401, "Unknown API key", {"WWW-Authenticate": "Basic"})
    if store.state.company(company_id).api_key != credentials.password:
        raise RefusedError(403, "This API key does not reach the company")


router = APIRouter(prefix=PREFIX, dependencies=[Depends(check_key)])


@router.get("/{resource}")
@router.get("/{resource}/include/{includes}")
async def read_list(
    company_id: str, resource: str, request: Request, store: StoreDep, includes: str = ""
) -> Response:
    company = store.state.company(company_id)
    return JsonResponse(list_page(company.records_of(resource).values(), request.query_params, includes))


@router.get("/{resource}/{record_id:int}")
@router.get("/{resource}/{record_id:int}/include/{includes}")
async def read_one(
    company_id: str, resource: str, record_id: int, store: StoreDep, includes: str = ""
) -> Response:
    """Read one record; some fields are returned only if they are included."""
    return JsonResponse(read(find(store.state.company(company_id).records_of(resource), record_id), includes))


@router.post("/{resource}")
async def create(company_id: str, resource: str, request: Request, store: StoreDep) -> Response:
    return JsonResponse(read(store.create(company_id, resource, await _values(request))), 201)


@router.api_route("/{resource}/{record_id:int}", methods=["PUT", "PATCH"])
async def change(company_id: str, resource: str, record_id: int, request: Request, store: StoreDep) -> Response:
    return JsonResponse(read(store.change(company_id, resource, record_id, await _values(request))))


@router.delete("/{resource}/{record_id:int}")
async def delete(company_id: str, resource: str, record_id: int, store: StoreDep) -> Response:
    store.delete(company_id, resource, record_id)
    return Response(status_code=204)


@router.post("/projectExpenses/{expense_id:int}/attachments")
async def attach(company_id: str, expense_id: int, file: UploadFile, store: StoreDep) -> Response:
    """Accept a file, of which only the description is kept."""
    checksum = hashlib.md5(usedforsecurity=False)
    while chunk := await file.read(CHUNK_BYTES):
        checksum.update(chunk)
    attachment = Attachment(
        project_expense_id=expense_id,
        name=file.filename or "",
        content_type=file.content_type or "application/octet-stream",
        size=file.size or 0,
        md5=checksum.hexdigest(),
    )
    return JsonResponse(read(store.attach(company_id, attachment)), 201)


@router.get("/projectExpenses/{expense_id:int}/attachments")
async def attachments(company_id: str, expense_id: int, request: Request, store: StoreDep) -> Response:
    company = store.state.company(company_id)
    find(company.project_expenses, expense_id)
    return JsonResponse(list_page(company.attachments_of(expense_id), request.query_params))


async def _values(request: Request) -> dict[str, Any]:
    try:
        values = exact_json.read(await request.body())
    except ValueError as error:
        raise RefusedError(400, f"The body is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RefusedError(400, "The body is not a JSON object")
    return values
