"""A working day at the company, as steps that each say what must hold after them, seen from outside."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from random import Random

from local import demo_company, demo_expenses
from local.demo_user import DemoUser, ListedJob, Record, eventually, expect

Sale = tuple[tuple[int, int, float], ...]

SEED = 24
RECORD_LISTS = ("customers", "projects", "vouchers")
EXPENSE_RESOURCES = ("projectExpenses", "attachments")

CUSTOMERS = (
    {"name": "Fjellheim Entreprenør AS", "organizationNumber": "310123455", "email": "post@fjellheim.example.com"},
    {"name": "Åse Bjørnstad", "customerType": "person", "email": "ase@example.com"},
)
PROJECTS = ({"name": "Fjellheim skole, rehabilitering"}, {"name": "Hytte på Sjusjøen"})

SALE_25, SALE_15, SALE_0 = 501, 502, 503
SALES: tuple[Sale, ...] = (
    ((SALE_25, 3, 1999.99),),
    ((SALE_25, 1, 0.01),),
    ((SALE_15, 7, 333.33),),
    ((SALE_0, 1, 48000.00),),
    ((SALE_25, 2, 1250.50), (SALE_15, 1, 99.90)),
    ((SALE_25, 1, 10.01), (SALE_25, 1, 10.02), (SALE_0, 12, 83.37)),
    ((SALE_15, 1, 0.03), (SALE_0, 1, 1000000.00)),
    ((SALE_25, 40, 1125.75),),
)
"""The invoices written today, line by line: financial account, quantity, price before VAT as JSON's number."""


def three_customers_get_their_numbers(demo_user: DemoUser) -> None:
    """One that Moment has had for long and two new ones; the numbers are returned to Moment."""
    demo_user.change("customers", demo_company.CUSTOMER, phone="77 00 00 00")
    eventually(lambda: expect("first number", demo_user.moment("customers")[0]["customerNumber"], "10001"))
    for customer in CUSTOMERS:
        demo_user.enter("customers", **customer)
    eventually(lambda: _customers_agree(demo_user))


def three_projects_follow(demo_user: DemoUser) -> None:
    """Under the numbers that they have in Moment, each with its customer and the client id."""
    newest = [customer["id"] for customer in demo_user.moment("customers")[1:]]
    demo_user.change("projects", demo_company.PROJECT, name="Villa Solbakken, byggetrinn 2")
    for project, customer_id in zip(PROJECTS, newest, strict=True):
        demo_user.enter("projects", **project, customerId=customer_id)
    eventually(lambda: _projects_agree(demo_user))


def the_documented_notification_leads_to_its_voucher(demo_user: DemoUser) -> None:
    """The one that Moment's help page shows: invoice 1 of customer 10001 and project 1."""
    demo_user.press("finalize", demo_company.DRAFT)
    documented = {
        "event": "CREATE_NEW",
        "invoice": {
            "id": demo_company.DRAFT,
            "invoiceNumber": 1,
            "customer": {"id": demo_company.CUSTOMER, "customerNumber": "10001"},
            "project": {"id": demo_company.PROJECT, "projectNumber": "1"},
        },
    }
    sent = [each["body"] for each in demo_user.notifications() if each["kind"] == "invoices"]
    expect("Moment's notification", sent[0], documented)
    eventually(lambda: ledger_agrees(demo_user, invoices=1))


def ten_invoices_are_in_the_ledger_to_the_ore(demo_user: DemoUser) -> None:
    """Eight more and a credit note, while notifications come doubled and out of order."""
    demo_user.disturb_webhooks(double=0.5, delay_seconds=0.5, seed=SEED)
    projects = demo_user.moment("projects")
    written = [write_invoice(demo_user, sale, projects[each % len(projects)]) for each, sale in enumerate(SALES)]
    for invoice_id in written:
        demo_user.press("finalize", invoice_id)
    demo_user.press("credit", written[0])
    eventually(lambda: ledger_agrees(demo_user, invoices=10))


def an_invoice_of_a_locked_year_is_refused(demo_user: DemoUser) -> None:
    """It is set aside until a person has mended it, and nothing reaches the ledger."""
    locked = next(year for year in demo_user.twentyfour("years") if year["locked"])
    invoice_id = write_invoice(
        demo_user, SALES[0], demo_user.moment("projects")[0], invoiceDate=f"{locked['year']}-06-30"
    )
    number = demo_user.press("finalize", invoice_id)["invoiceNumber"]

    def is_set_aside() -> None:
        expect(
            "changes set aside", [each.title for each in demo_user.jobs("needs_attention")], [f"Invoice {number}"]
        )

    eventually(is_set_aside)
    ledger_agrees(demo_user, invoices=10)


def the_bookkeeper_gets_one_mail_about_it(demo_user: DemoUser) -> None:
    """It says which invoice, why, and what to do."""
    refused = demo_user.moment("invoices")[-1]
    year = refused["invoiceDate"].partition("-")[0]

    def is_told() -> None:
        expect("receivers of mails", [mail["to"] for mail in demo_user.mails()], [[demo_company.BOOKKEEPER]])
        text = demo_user.mails()[0]["text"]
        words = (f"Invoice {refused['invoiceNumber']}", f"30.06.{year}", "What to do")
        expect("what the mail does not tell", [word for word in words if word not in text], [])

    eventually(is_told)


def all_notifications_and_vouchers_again_and_a_forged_one_change_nothing(demo_user: DemoUser) -> None:
    """Each notification three times more, in any order, and the import once more."""
    before = _books(demo_user)
    again = [each["body"] for each in demo_user.notifications()] * 3
    again.append({"event": "CREATE_NEW", "invoice": {"id": 404, "invoiceNumber": 404}})
    Random(SEED).shuffle(again)  # noqa: S311 - an order that can be repeated
    demo_user.import_expenses()
    for body in again:
        demo_user.notify(body)
    eventually(lambda: expect("changes in hand", _in_hand(demo_user), []))
    expect("the books", _books(demo_user), before)
    expect("mails", len(demo_user.mails()), 1)


STEPS: tuple[Callable[[DemoUser], None], ...] = (
    three_customers_get_their_numbers,
    three_projects_follow,
    the_documented_notification_leads_to_its_voucher,
    ten_invoices_are_in_the_ledger_to_the_ore,
    an_invoice_of_a_locked_year_is_refused,
    demo_expenses.ten_vouchers_of_suppliers_are_entered_and_a_dry_run_tells_what_would_come,
    demo_expenses.six_of_them_become_expenses_with_seven_files,
    demo_expenses.four_are_skipped_each_with_its_reason,
    the_bookkeeper_gets_one_mail_about_it,
    all_notifications_and_vouchers_again_and_a_forged_one_change_nothing,
)


def _books(demo_user: DemoUser) -> dict[str, list[Record]]:
    there = {shelf: demo_user.twentyfour(shelf) for shelf in RECORD_LISTS}
    return there | {resource: demo_user.moment(resource) for resource in EXPENSE_RESOURCES}


def _in_hand(demo_user: DemoUser) -> list[ListedJob]:
    """Tell the changes that wait for more than a document's approval."""
    return [each for each in demo_user.jobs("queued", "running") if each.message != demo_expenses.WAITS]


def write_invoice(demo_user: DemoUser, sale: Sale, project: Record, **more: object) -> int:
    """Write a draft of an invoice in Moment; tells its id."""
    lines = [
        {"description": "Work", "financialAccountId": account, "quantity": quantity, "unitPrice": price}
        for account, quantity, price in sale
    ]
    invoice = {"customerId": project["customerId"], "projectId": project["id"], "invoiceLines": lines}
    written: int = demo_user.enter("invoices", **invoice, **more)["id"]
    return written


def _customers_agree(demo_user: DemoUser) -> None:
    held = {each["external_id"]: (each["name"], str(each["number"])) for each in demo_user.synced("customers")}
    wanted = {str(each["id"]): (each["name"], each["customerNumber"]) for each in demo_user.moment("customers")}
    expect("customers in 24SevenOffice", held, wanted)
    expect("customers, each once", len(demo_user.synced("customers")), len(CUSTOMERS) + 1)


def _projects_agree(demo_user: DemoUser) -> None:
    numbers = {each["id"]: each["customerNumber"] for each in demo_user.moment("customers")}
    wanted = {
        each["projectNumber"]: (each["name"], numbers[each["customerId"]], demo_company.CLIENT_ID)
        for each in demo_user.moment("projects")
    }
    held = {
        str(each["number"]): (each["name"], str(each["customer_number"]), each["OrderReferenceNumber"])
        for each in demo_user.synced("projects")
    }
    expect("projects in 24SevenOffice", held, wanted)


def ledger_agrees(demo_user: DemoUser, *, invoices: int) -> None:
    """Expect so many invoices of Moment in the ledger, each once and right to the øre."""
    vouchers = demo_user.synced("vouchers")
    posted = {each["lines"][0]["invoice"]: _as_posted(each) for each in vouchers if each["posted"]}
    written = _invoices_as_written(demo_user)
    wrong = {number: held for number, held in posted.items() if held != written.get(number)}
    expect("vouchers that differ from their invoice", wrong, {})
    expect("vouchers, each once", (len(vouchers), len(posted)), (invoices, invoices))


def _as_posted(voucher: Record) -> Record:
    """Tell of a voucher what must agree with its invoice; amounts in kroner, debit above zero."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for line in voucher["lines"]:
        sums[line["account"]] += Decimal(line["amount"])
    return {
        "sums": dict(sums),
        "customers": {line["customer"] for line in voucher["lines"]},
        "projects": {line["project"] for line in voucher["lines"]},
    }


def _invoices_as_written(demo_user: DemoUser) -> dict[str, Record]:
    """Tell the same of every invoice in Moment that has a number."""
    accounts = {each["id"]: each["accountNumber"] for each in demo_user.moment("financialAccounts")}
    customers = {each["id"]: int(each["customerNumber"]) for each in demo_user.moment("customers")}
    projects = {each["id"]: int(each["projectNumber"]) for each in demo_user.moment("projects")}
    written = {}
    for invoice in demo_user.moment("invoices"):
        sums = defaultdict(Decimal, {demo_company.RECEIVABLES: Decimal(invoice["totalAmountInclVat"])})
        for line in invoice["invoiceLines"]:
            sums[accounts[line["financialAccountId"]]] -= Decimal(line["amountInclVat"])
        written[str(invoice["invoiceNumber"])] = {
            "sums": dict(sums),
            "customers": {customers[invoice["customerId"]]},
            "projects": {projects[invoice["projectId"]]},
        }
    return written
