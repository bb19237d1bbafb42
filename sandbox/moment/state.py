"""Moment's data: companies, each with its records by type and id, and the last id given out."""

from collections.abc import Mapping
from typing import TypeVar

from fastapi import HTTPException
from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from sandbox.moment.records import (
    Attachment,
    Customer,
    FinancialAccount,
    Invoice,
    Project,
    ProjectExpense,
    ProjectExtension,
    Record,
    UserAccount,
)

R = TypeVar("R", bound=Record)
RESOURCES: dict[str, type[Record]] = {
    "customers": Customer,
    "projects": Project,
    "projectExtensions": ProjectExtension,
    "financialAccounts": FinancialAccount,
    "invoices": Invoice,
    "projectExpenses": ProjectExpense,
    "userAccounts": UserAccount,
}


class RefusedError(HTTPException):
    """Moment refuses a request with a status and a reason."""


class Company(BaseModel):
    """One company: the key of its API, the addresses of its webhooks, and its records by id."""

    name: str
    api_key: str
    webhooks: dict[str, str] = {}

    customers: dict[int, Customer] = {}
    projects: dict[int, Project] = {}
    project_extensions: dict[int, ProjectExtension] = {}
    financial_accounts: dict[int, FinancialAccount] = {}
    invoices: dict[int, Invoice] = {}
    project_expenses: dict[int, ProjectExpense] = {}
    attachments: dict[int, Attachment] = {}
    user_accounts: dict[int, UserAccount] = {}

    def records_of(self, resource: str) -> dict[int, Record]:
        """Return the records of a resource, by its name in the API. Raises RefusedError for an unknown one."""
        if resource not in RESOURCES:
            raise RefusedError(404, f"There is no resource {resource}")
        records: dict[int, Record] = getattr(self, to_snake(resource))
        return records

    def attachments_of(self, expense_id: int) -> list[Attachment]:
        return [one for one in self.attachments.values() if one.project_expense_id == expense_id]


class State(BaseModel):
    companies: dict[str, Company]
    last_id: int

    def company(self, company_id: str) -> Company:
        if company_id not in self.companies:
            raise RefusedError(404, f"There is no company {company_id}")
        return self.companies[company_id]


def find(records: Mapping[int, R], record_id: int) -> R:
    if record_id not in records:
        raise RefusedError(404, f"There is no record {record_id}")
    return records[record_id]
