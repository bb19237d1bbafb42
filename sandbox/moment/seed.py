"""The companies that Moment starts with; their ids are those of the one webhook that Moment documents."""

from datetime import datetime
from decimal import Decimal

from sandbox.moment import rules
from sandbox.moment.records import (
    Address,
    Customer,
    FinancialAccount,
    Invoice,
    InvoiceLine,
    Project,
    ProjectExtension,
    UserAccount,
)
from sandbox.moment.state import RESOURCES, Company, State

CUSTOMER, PROJECT, ACTIVITY, EXPENSES, DRAFT = 62788973, 62788980, 62788981, 62788982, 106939080


def initial_state(now: datetime) -> State:
    """Make the state that Moment starts with; everything in it was last modified at ``now`` (UTC)."""
    empty = Company(name="Fjord Prosjekt AS", api_key="moment-other-key")
    return State(companies={"1001": _demo(now), "1002": empty}, last_id=DRAFT)


def _demo(now: datetime) -> Company:
    company = Company(
        name="Demo AS",
        api_key="moment-demo-key",
        customers={CUSTOMER: _customer()},
        projects={PROJECT: Project(id=PROJECT, name="Villa Solbakken", project_number="1", customer_id=CUSTOMER)},
        project_extensions={
            ACTIVITY: ProjectExtension(id=ACTIVITY, name="Detail design", project_id=PROJECT),
            EXPENSES: ProjectExtension(id=EXPENSES, name="Expenses", project_id=PROJECT),
        },
        financial_accounts={account.id: account for account in _accounts()},
        invoices={DRAFT: _draft()},
        user_accounts={701: UserAccount(id=701, name="Kari Nordmann", email="kari@example.com")},
    )
    for resource in RESOURCES:
        for record in company.records_of(resource).values():
            rules.complete(record, company)
            record.last_modified_date = now
    return company


def _customer() -> Customer:
    return Customer(
        id=CUSTOMER,
        name="Nordlys Arkitekter AS",
        organization_number="310987654",
        email="post@nordlys.example.com",
        invoice_email="invoice@nordlys.example.com",
        addresses=[Address(street="Storgata 1", postal_code="9008", city="Tromsø")],
    )


def _accounts() -> list[FinancialAccount]:
    rates = ((501, 3000, 25, "3"), (502, 3020, 15, "31"), (503, 3100, 0, "5"))
    return [
        FinancialAccount(
            id=account_id,
            account_number=number,
            current_vat_percentage=Decimal(percentage),
            vat_category_code=code,
        )
        for account_id, number, percentage, code in rates
    ]


def _draft() -> Invoice:
    line = InvoiceLine(
        description="Detail design",
        quantity=Decimal(10),
        unit_price=Decimal("1250.00"),
        financial_account_id=501,
        project_id=PROJECT,
    )
    return Invoice(id=DRAFT, customer_id=CUSTOMER, project_id=PROJECT, invoice_lines=[line])
