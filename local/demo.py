"""``make demo``: one working day on the whole system in a temporary folder, and a report of what was synced."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import requests

from config.settings import Settings
from local import demo_company, demo_expenses
from local.demo_user import DemoUser, ExpectationError, Record, eventually, expect
from local.processes import end_on_signals
from local.servers import NoServerError
from local.stack import NotRunningError, Plan, Stack
from worker.cli.tables import aligned

Echo = Callable[[str], None]
Sale = tuple[tuple[int, int, float], ...]
Totals = tuple[dict[int, Decimal], set[tuple[int, int]]]
"""Kroner by account, positive in debit, with the customer and project of the lines."""

SEED = 24
LEDGER_RESOURCES = ("customers", "projects", "vouchers")
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
"""The day's invoices, line by line: financial account, quantity, price before VAT as a JSON number."""


@dataclass
class Step:
    name: str
    ok: bool = False
    seconds: float = 0


@dataclass
class Report:
    """The result of the day: ``synced`` counts records, ``duplicates`` those that were synced twice."""

    ok: bool = False
    steps: list[Step] = field(default_factory=list)
    synced: dict[str, int] = field(default_factory=dict)
    mails: int = 0
    duplicates: int = 0


class StepFailedError(Exception):
    """Ends the day."""


def play(var: Path, *, environ: Mapping[str, str], echo: Echo) -> bool:
    """Play the day, and write ``demo/report.json`` and ``demo/log``; return whether every step succeeded."""
    end_on_signals()
    folder = var / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    other_variables = {name: value for name, value in environ.items() if name.lower() not in Settings.model_fields}
    report = Report()
    try:
        with TemporaryDirectory() as state, (folder / "log").open("w") as log:
            plan = Plan(state=Path(state), environ=other_variables, temporary=True)
            stack = Stack(plan, log=lambda name, line: print(f"{name:<8} | {line}", file=log, flush=True))
            _play(report, stack, echo)
        report.ok = True
    except StepFailedError as failure:
        echo(f"{failure}\nThe output of the processes is in {folder / 'log'}.")
    finally:
        (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report.ok


def _play(report: Report, stack: Stack, echo: Echo) -> None:
    names = ("everything starts", *(each.__name__.replace("_", " ") for each in STEPS))
    starting, *steps = report.steps = list(map(Step, names))
    with ExitStack() as cleanup:
        with timed(starting, echo):
            cleanup.enter_context(stack.running())
            demo_user = DemoUser(stack, webhook_url=demo_company.connect(stack))
        try:
            for step, act in zip(steps, STEPS, strict=True):
                with timed(step, echo):
                    act(demo_user)
        finally:
            _count(report, demo_user)
            echo(aligned([*_arrivals(demo_user)]))


@contextmanager
def timed(step: Step, echo: Echo) -> Iterator[None]:
    """Record whether the block succeeded, and how long it took. Raises StepFailedError if it failed."""
    start = time.monotonic()
    try:
        yield
        step.ok = True
    except (ExpectationError, NoServerError, NotRunningError, requests.RequestException) as error:
        raise StepFailedError(f"This step failed: {step.name}\n{error}") from error
    finally:
        step.seconds = round(time.monotonic() - start, 2)
        echo(f"{'ok' if step.ok else 'NOT OK':<6} {step.seconds:>6.2f} s  {step.name}")


def _count(report: Report, demo_user: DemoUser) -> None:
    expenses, attachments = map(demo_user.moment, EXPENSE_RESOURCES)
    identities = {
        "customers": [each["external_id"] for each in demo_user.synced("customers")],
        "projects": [each["number"] for each in demo_user.synced("projects")],
        "vouchers": [each["lines"][0]["invoice"] for each in demo_user.synced("vouchers")],
        "expenses": [(each["supplierName"], each["supplierInvoiceNumber"]) for each in expenses],
        "attachments": [(each["projectExpenseId"], each["md5"]) for each in attachments],
    }
    report.synced = {name: len(each) for name, each in identities.items()}
    report.mails = len(demo_user.mails())
    report.duplicates = sum(len(each) - len(set(each)) for each in identities.values())


def _arrivals(demo_user: DemoUser) -> Iterator[tuple[str, str, str, str]]:
    """Yield each Moment record with its counterpart in 24SevenOffice; amounts in kroner including VAT."""
    customers = {each["external_id"]: f"customer {each['number']}" for each in demo_user.twentyfour("customers")}
    projects = {str(each["number"]): f"project {each['number']}" for each in demo_user.twentyfour("projects")}
    vouchers = {each["lines"][0]["invoice"]: _voucher(each) for each in demo_user.twentyfour("vouchers")}
    yield "", "Moment", "", "24SevenOffice"
    for customer in demo_user.moment("customers"):
        yield "customer", customer["name"], customer["customerNumber"], customers.get(str(customer["id"]), "-")
    for project in demo_user.moment("projects"):
        yield "project", project["name"], project["projectNumber"], projects.get(project["projectNumber"], "-")
    for invoice in demo_user.moment("invoices"):
        number, total = str(invoice["invoiceNumber"]), f"{invoice['totalAmountInclVat']:.2f}"
        yield invoice["invoiceType"], number, total, vouchers.pop(number, "-")
    for expense in demo_user.moment("projectExpenses"):
        number, total = expense["supplierInvoiceNumber"], f"{expense['amountInclVat']:.2f}"
        yield "expense", f"{expense['supplierName']} {number}", total, vouchers.pop(number, "-")
    for number, voucher in vouchers.items():
        yield "skipped", number, "-", voucher
    for mail in demo_user.mails():
        yield "mail", mail["subject"], "", ", ".join(mail["to"])


def _voucher(voucher: Record) -> str:
    amounts = {line["account"]: Decimal(line["amount"]) for line in voucher["lines"]}
    owed = amounts.get(demo_company.RECEIVABLES) or -amounts[demo_expenses.SUPPLIERS]
    return f"voucher {voucher['number']}: {owed}"


def three_customers_get_their_numbers(demo_user: DemoUser) -> None:
    """One old and two new customers; their numbers are returned to Moment."""
    demo_user.change("customers", demo_company.CUSTOMER, phone="77 00 00 00")
    eventually(lambda: expect("first number", demo_user.moment("customers")[0]["customerNumber"], "10001"))
    for customer in CUSTOMERS:
        demo_user.enter("customers", **customer)
    eventually(lambda: _customers_agree(demo_user))


def three_projects_follow(demo_user: DemoUser) -> None:
    """They keep their numbers in Moment, each with its customer and the client id."""
    newest = [customer["id"] for customer in demo_user.moment("customers")[1:]]
    demo_user.change("projects", demo_company.PROJECT, name="Villa Solbakken, byggetrinn 2")
    for project, customer_id in zip(PROJECTS, newest, strict=True):
        demo_user.enter("projects", **project, customerId=customer_id)
    eventually(lambda: _projects_agree(demo_user))


def the_documented_webhook_leads_to_its_voucher(demo_user: DemoUser) -> None:
    """The webhook on Moment's help page: invoice 1 of customer 10001 and project 1."""
    demo_user.press("finalize", demo_company.DRAFT)
    documented = {
        "id": demo_company.DRAFT,
        "invoiceNumber": 1,
        "customer": {"id": demo_company.CUSTOMER, "customerNumber": "10001"},
        "project": {"id": demo_company.PROJECT, "projectNumber": "1"},
    }
    sent = [each["body"] for each in demo_user.sent_webhooks() if each["kind"] == "invoices"]
    expect("Moment's webhook", sent[0], {"event": "CREATE_NEW", "invoice": documented})
    eventually(lambda: ledger_agrees(demo_user, invoices=1))


def ten_invoices_are_in_the_ledger_to_the_ore(demo_user: DemoUser) -> None:
    """Eight more and a credit note, while webhooks are doubled and out of order."""
    demo_user.disturb_webhooks(seed=SEED)
    projects = demo_user.moment("projects")
    drafts = [write_invoice(demo_user, sale, projects[each % len(projects)]) for each, sale in enumerate(SALES)]
    for invoice_id in drafts:
        demo_user.press("finalize", invoice_id)
    demo_user.press("credit", drafts[0])
    eventually(lambda: ledger_agrees(demo_user, invoices=10))


def an_invoice_of_a_locked_year_is_refused(demo_user: DemoUser) -> None:
    """It needs attention until a person has corrected it, and nothing reaches the ledger."""
    locked = next(year for year in demo_user.twentyfour("years") if year["locked"])
    project, day = demo_user.moment("projects")[0], f"{locked['year']}-06-30"
    invoice_id = write_invoice(demo_user, SALES[0], project, invoiceDate=day)
    refused = [f"Invoice {demo_user.press('finalize', invoice_id)['invoiceNumber']}"]

    def needs_attention() -> None:
        expect("what needs attention", [each["title"] for each in demo_user.jobs("needs_attention")], refused)

    eventually(needs_attention)
    ledger_agrees(demo_user, invoices=10)


def the_bookkeeper_gets_one_mail_about_it(demo_user: DemoUser) -> None:
    """It says which invoice, why, and what to do."""
    refused = demo_user.moment("invoices")[-1]
    year = refused["invoiceDate"].partition("-")[0]

    def is_sent() -> None:
        expect("receivers of mails", [mail["to"] for mail in demo_user.mails()], [[demo_company.BOOKKEEPER]])
        text = demo_user.mails()[0]["text"]
        words = (f"Invoice {refused['invoiceNumber']}", f"30 Jun {year}", "What to do")
        expect("what the mail does not say", [word for word in words if word not in text], [])

    eventually(is_sent)


def all_webhooks_and_vouchers_again_and_a_forged_one_change_nothing(demo_user: DemoUser) -> None:
    """Each webhook three times more, in any order, and the import once more."""
    before = _all_records(demo_user)
    again = [each["body"] for each in demo_user.sent_webhooks()] * 3
    again.append({"event": "CREATE_NEW", "invoice": {"id": 404, "invoiceNumber": 404}})
    Random(SEED).shuffle(again)  # noqa: S311 - a reproducible order
    demo_user.import_expenses()
    for body in again:
        demo_user.send_webhook(body)
    unfinished = "queued", "running", "waiting", "retrying"
    eventually(lambda: expect("unfinished jobs", demo_user.jobs(*unfinished), []))
    expect("the records", _all_records(demo_user), before)
    expect("mails", len(demo_user.mails()), 1)


STEPS: tuple[Callable[[DemoUser], None], ...] = (
    three_customers_get_their_numbers,
    three_projects_follow,
    the_documented_webhook_leads_to_its_voucher,
    ten_invoices_are_in_the_ledger_to_the_ore,
    an_invoice_of_a_locked_year_is_refused,
    demo_expenses.ten_vouchers_of_suppliers_are_entered_and_a_dry_run_tells_what_would_come,
    demo_expenses.six_of_them_become_expenses_with_seven_files,
    demo_expenses.four_are_skipped_each_with_its_reason,
    the_bookkeeper_gets_one_mail_about_it,
    all_webhooks_and_vouchers_again_and_a_forged_one_change_nothing,
)


def _all_records(demo_user: DemoUser) -> dict[str, list[Record]]:
    records = {resource: demo_user.twentyfour(resource) for resource in LEDGER_RESOURCES}
    return records | {resource: demo_user.moment(resource) for resource in EXPENSE_RESOURCES}


def write_invoice(demo_user: DemoUser, sale: Sale, project: Record, **more: object) -> int:
    lines = [
        {"description": "Work", "financialAccountId": account, "quantity": quantity, "unitPrice": price}
        for account, quantity, price in sale
    ]
    invoice = {"customerId": project["customerId"], "projectId": project["id"], "invoiceLines": lines}
    return int(demo_user.enter("invoices", **invoice, **more)["id"])


def _customers_agree(demo_user: DemoUser) -> None:
    seen = {each["external_id"]: (each["name"], str(each["number"])) for each in demo_user.synced("customers")}
    expected = {str(each["id"]): (each["name"], each["customerNumber"]) for each in demo_user.moment("customers")}
    expect("customers in 24SevenOffice", seen, expected)
    expect("customers, each once", len(demo_user.synced("customers")), len(CUSTOMERS) + 1)


def _projects_agree(demo_user: DemoUser) -> None:
    numbers = {each["id"]: each["customerNumber"] for each in demo_user.moment("customers")}
    expected = {
        each["projectNumber"]: (each["name"], numbers[each["customerId"]], demo_company.CLIENT_ID)
        for each in demo_user.moment("projects")
    }
    seen = {
        str(each["number"]): (each["name"], str(each["customer_number"]), each["OrderReferenceNumber"])
        for each in demo_user.synced("projects")
    }
    expect("projects in 24SevenOffice", seen, expected)


def ledger_agrees(demo_user: DemoUser, *, invoices: int) -> None:
    """Check that the ledger has ``invoices`` of Moment's invoices, each once and exact to the øre."""
    vouchers = demo_user.synced("vouchers")
    posted = {each["lines"][0]["invoice"]: _totals(each["lines"]) for each in vouchers if each["posted"]}
    expected = _expected_totals(demo_user)
    wrong = {number: totals for number, totals in posted.items() if totals != expected.get(number)}
    expect("vouchers that differ from their invoice", wrong, {})
    expect("vouchers, each once", (len(vouchers), len(posted)), (invoices, invoices))


def _totals(lines: Iterable[Record]) -> Totals:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line["account"]] += Decimal(line["amount"])
    booked = [line for line in lines if line["account"] not in demo_company.OUTPUT_VAT.values()]
    return dict(sums), {(line["customer"], line["project"]) for line in booked}


def _expected_totals(demo_user: DemoUser) -> dict[str, Totals]:
    accounts = {each["id"]: each["accountNumber"] for each in demo_user.moment("financialAccounts")}
    customers = {each["id"]: int(each["customerNumber"]) for each in demo_user.moment("customers")}
    projects = {each["id"]: int(each["projectNumber"]) for each in demo_user.moment("projects")}
    expected = {}
    for invoice in demo_user.moment("invoices"):
        sums = defaultdict(Decimal, {demo_company.RECEIVABLES: Decimal(invoice["totalAmountInclVat"])})
        for line in invoice["invoiceLines"]:
            net, gross = Decimal(line["amountExclVat"]), Decimal(line["amountInclVat"])
            sums[accounts[line["financialAccountId"]]] -= net
            if gross != net:
                sums[demo_company.OUTPUT_VAT[int(line["vatPercentage"])]] -= gross - net
        parties = {(customers[invoice["customerId"]], projects[invoice["projectId"]])}
        expected[str(invoice["invoiceNumber"])] = dict(sums), parties
    return expected
