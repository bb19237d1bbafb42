"""``make demo``: one working day on the whole system in a temporary folder, and a report of what arrived where."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import requests

from config.settings import Settings
from local import demo_company, demo_expenses
from local.child_processes import end_on_signals
from local.demo_day import RECORD_LISTS, STEPS
from local.demo_user import DemoUser, ExpectationError, Record
from local.servers import NoServerError
from local.stack import NotRunningError, Plan, Stack
from worker.cli.tables import aligned


@dataclass
class Step:
    """What was tried, and whether it came out as it should within how many seconds."""

    name: str
    ok: bool = False
    seconds: float = 0


@dataclass
class Report:
    """What the day has shown: ``books`` counts what was brought, ``duplicates`` what of it came again."""

    ok: bool = False
    steps: list[Step] = field(default_factory=list)
    books: dict[str, int] = field(default_factory=dict)
    mails: int = 0
    duplicates: int = 0


class StepFailedError(Exception):
    """A step did not hold; the day ends there."""


def play(var: Path, *, environ: Mapping[str, str], tell: Callable[[str], None]) -> bool:
    """Play the day, and write ``demo/report.json`` and ``demo/log`` in the folder; tells whether every step held.

    The settings of the environment are left out: the day is the same wherever it is played.
    """
    end_on_signals()
    folder = var / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(steps=[Step(name) for name in ("everything starts", *map(_name, STEPS))])
    try:
        with TemporaryDirectory() as state, (folder / "log").open("w") as log:
            _play(report, _stack(Path(state), environ, log), tell)
        report.ok = True
    except StepFailedError as failure:
        tell(f"{failure}\nWhat the processes said stands in {folder / 'log'}.")
    finally:
        (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report.ok


def _stack(state: Path, environ: Mapping[str, str], log: TextIO) -> Stack:
    others = {name: value for name, value in environ.items() if name.lower() not in Settings.model_fields}
    plan = Plan(state=state, environ=others, usual_ports=False, durable=False)
    return Stack(plan, say=lambda name, line: print(f"{name:<8} | {line}", file=log, flush=True))


def _play(report: Report, stack: Stack, tell: Callable[[str], None]) -> None:
    starting, *steps = report.steps
    with ExitStack() as until_the_end:
        with timed(starting, tell):
            until_the_end.enter_context(stack.running())
            demo_user = DemoUser(stack, webhook_url=demo_company.connect(stack))
        try:
            for step, act in zip(steps, STEPS, strict=True):
                with timed(step, tell):
                    act(demo_user)
        finally:
            _count(report, demo_user)
            tell(aligned([*_arrivals(demo_user)]))


@contextmanager
def timed(step: Step, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell whether what is done within held, and how long it took. Raises StepFailedError where it did not."""
    start = time.monotonic()
    try:
        yield
        step.ok = True
    except (ExpectationError, NoServerError, NotRunningError, requests.RequestException) as error:
        raise StepFailedError(f"This did not hold: {step.name}\n{error}") from error
    finally:
        step.seconds = round(time.monotonic() - start, 2)
        tell(f"{'ok' if step.ok else 'NOT OK':<6} {step.seconds:>6.2f} s  {step.name}")


def _name(step: Callable[[DemoUser], None]) -> str:
    return step.__name__.replace("_", " ")


def _count(report: Report, demo_user: DemoUser) -> None:
    shelves = {shelf: demo_user.synced(shelf) for shelf in RECORD_LISTS}
    back = {"expenses": demo_user.moment("projectExpenses"), "attachments": demo_user.moment("attachments")}
    report.books = {name: len(records) for name, records in (shelves | back).items()}
    report.mails = len(demo_user.mails())
    kinds: tuple[Iterable[object], ...] = (
        (each["external_id"] for each in shelves["customers"]),
        (each["number"] for each in shelves["projects"]),
        (each["lines"][0]["invoice"] for each in shelves["vouchers"]),
        ((each["supplierName"], each["supplierInvoiceNumber"]) for each in back["expenses"]),
        ((each["projectExpenseId"], each["md5"]) for each in back["attachments"]),
    )
    report.duplicates = sum(count - 1 for keys in kinds for count in Counter(keys).values())


def _arrivals(demo_user: DemoUser) -> Iterator[tuple[str, str, str, str]]:
    """Tell each record of Moment beside what 24SevenOffice holds of it; amounts in kroner including VAT."""
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
        yield "left alone", number, "-", voucher
    for mail in demo_user.mails():
        yield "mail", mail["subject"], "", ", ".join(mail["to"])


def _voucher(voucher: Record) -> str:
    """Name a voucher with what a customer owes, or a supplier is owed."""
    amounts = {line["account"]: Decimal(line["amount"]) for line in voucher["lines"]}
    owed = amounts.get(demo_company.RECEIVABLES) or -amounts[demo_expenses.SUPPLIERS]
    return f"voucher {voucher['number']}: {owed}"
