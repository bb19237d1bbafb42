"""Enters a firm's first records, and checks that they were synced."""

from local.demo_user import expect
from tests.bench.setup import BenchSystem
from tests.journeys.firm import SALE_ACCOUNTS, Firm, Record


def enter(running_system: BenchSystem, firm: Firm, count: int) -> dict[str, list[Record]]:
    """Enter ``count`` customers, projects and invoices, each invoice on its own project."""
    for account in SALE_ACCOUNTS:
        firm.enter("financialAccounts", **account)
    customers = running_system.enter(firm, "customers", [{"name": f"Customer {n}"} for n in range(count)])
    projects = running_system.enter(
        firm, "projects", [{"name": f"Project {each['name']}", "customerId": each["id"]} for each in customers]
    )
    return {"customer": customers, "project": projects, "invoice": running_system.write(firm, projects)}


def right(firm: Firm, entered: dict[str, list[Record]]) -> None:
    """Compare both systems: each customer and project once with its number, each invoice once and exact to the øre."""
    customers = firm.records("customers")
    expect(
        "customers", sorted(c["external_id"] for c in customers), sorted(str(c["id"]) for c in entered["customer"])
    )
    numbers = {int(each["external_id"]): each["number"] for each in customers}
    expect(
        "projects",
        sorted((each["number"], each["customer_number"]) for each in firm.records("projects")),
        sorted((int(each["projectNumber"]), numbers[each["customerId"]]) for each in entered["project"]),
    )
    expect(
        "vouchers",
        firm.vouchers(),
        sorted((each["invoiceNumber"], f"{each['totalAmountInclVat']:.2f}") for each in entered["invoice"]),
    )
