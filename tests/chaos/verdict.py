"""The expected content of both systems after a day, compared with the actual content and with the mails."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from models.connections.alert_outbox import AlertType
from tests.chaos.clocks import LEFT_LANES
from tests.chaos.company import Record, RemoteSystems
from tests.chaos.day import Day
from tests.chaos.operators import Operators
from tests.chaos.purchases import ACTIVITY, SUPPLIER, Purchase
from tests.chaos.user_changes import POSTING

RECEIVABLES = 1500
OUTPUT_VAT = {25: 2701, 15: 2702}
CLIENT_ID = "1001-M"


@dataclass
class Verdict:
    """What was wrong after a day, in words; empty if everything was right."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    needs_attention: list[str] = field(default_factory=list)
    unmailed: list[str] = field(default_factory=list)

    def compare(self, what: str, actual: Mapping[Any, list[Any]], expected: Mapping[Any, Any]) -> None:
        """Compare actual records, by their identity, with those that should exist once."""
        for key, value in expected.items():
            matches = actual.get(key, [])
            if not matches:
                self.lost.append(f"{what} {key}")
            if len(matches) > 1:
                self.duplicated.append(f"{what} {key}, {len(matches)} times")
            self.wrong += [f"{what} {key}: {each}, not {value}" for each in matches if each != value]
        self.wrong += [f"{what} {key} should not be there" for key in actual.keys() - expected.keys()]


def judge(remotes: RemoteSystems, operators: Operators, day: Day, *, happened: Counter[str]) -> Verdict:
    """Compare the records of both systems, the state of all jobs and the mails with what they should be.

    ``happened`` counts the faults and people's actions.
    """
    verdict = Verdict()
    _judge_customers(verdict, remotes)
    _judge_projects(verdict, remotes)
    _judge_invoices(verdict, remotes, day.refused, drafts=bool(happened[POSTING]))
    _judge_expenses(verdict, remotes, day.purchases.made)
    _judge_jobs(verdict, operators, day.refused)
    _judge_mails(verdict, remotes, operators, day.refused)
    _judge_connection_alerts(verdict, operators, clock_off=bool(happened[LEFT_LANES]))
    return verdict


def _judge_customers(verdict: Verdict, remotes: RemoteSystems) -> None:
    actual = defaultdict(list)
    for each in remotes.records("customers"):
        if each["type"] != "Supplier":
            emails = each["emails"].get("Work" if each["type"] == "Business" else "Primary", "")
            values = (str(each["number"]), each["name"], each["organization_number"], emails)
            actual[each["external_id"]].append(values)
    expected = {
        str(each["id"]): (each["customerNumber"], each["name"], each["organizationNumber"], each["email"])
        for each in remotes.moment("customers")
    }
    verdict.compare("customer", actual, expected)


def _judge_projects(verdict: Verdict, remotes: RemoteSystems) -> None:
    numbers = {each["id"]: each["customerNumber"] for each in remotes.moment("customers")}
    actual = {
        str(each["number"]): [(each["name"], str(each["customer_number"]), each["OrderReferenceNumber"])]
        for each in remotes.records("projects")
    }
    expected = {
        each["projectNumber"]: (each["name"], numbers[each["customerId"]], CLIENT_ID)
        for each in remotes.moment("projects")
    }
    verdict.compare("project", actual, expected)


def _judge_invoices(verdict: Verdict, remotes: RemoteSystems, refused: set[str], *, drafts: bool) -> None:
    """Compare vouchers with invoices. With ``drafts``, some may be in the journal, because people changed the setting."""
    actual = defaultdict(list)
    for voucher in remotes.records("vouchers"):
        if voucher["type"].startswith("Utgående"):
            actual[voucher["lines"][0]["invoice"]].append(_posted(voucher))
            if not (voucher["posted"] or drafts):
                verdict.wrong.append(f"voucher {voucher['number']} is a draft")
    accounts = {each["id"]: each["accountNumber"] for each in remotes.moment("financialAccounts")}
    customers = {each["id"]: each["customerNumber"] for each in remotes.moment("customers")}
    projects = {each["id"]: each["projectNumber"] for each in remotes.moment("projects")}
    expected = {
        str(each["invoiceNumber"]): _expected(
            each, accounts, customers[each["customerId"]], projects[each["projectId"]]
        )
        for each in remotes.moment("invoices")
        if each["invoiceState"] == "finalized"
        and each["exportState"] == "toTransfer"
        and str(each["id"]) not in refused
    }
    verdict.compare("invoice", actual, expected)


def _posted(voucher: Record) -> Record:
    """Return the part of a voucher that must agree with its invoice: kroner by account, positive in debit."""
    lines = voucher["lines"]
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line["account"]] += Decimal(line["amount"])
    return {
        "sums": dict(sums),
        "days": sorted({line["date"] for line in lines}),
        "customers": sorted({str(line["customer"]) for line in lines}),
        "projects": sorted({str(line["project"]) for line in lines if line["account"] not in OUTPUT_VAT.values()}),
    }


def _expected(invoice: Record, accounts: Mapping[int, int], customer: str, project: str) -> Record:
    """Return the values that the voucher of this invoice must have."""
    sums = defaultdict(Decimal, {RECEIVABLES: Decimal(invoice["totalAmountInclVat"])})
    for line in invoice["invoiceLines"]:
        sums[accounts[line["financialAccountId"]]] -= Decimal(line["amountExclVat"])
    for rate, vat in _vat(invoice).items():
        sums[OUTPUT_VAT[rate]] -= vat
    return {
        "sums": dict(sums),
        "days": [invoice["invoiceDate"]],
        "customers": [customer],
        "projects": [project],
    }


def _vat(invoice: Record) -> dict[int, Decimal]:
    """Return the VAT by rate: rounded once, if that gives the total, otherwise by the lines."""
    net, by_line = defaultdict[int, Decimal](Decimal), defaultdict[int, Decimal](Decimal)
    for line in invoice["invoiceLines"]:
        rate = int(line["vatPercentage"])
        net[rate] += Decimal(line["amountExclVat"])
        by_line[rate] += Decimal(line["amountInclVat"]) - Decimal(line["amountExclVat"])
    once = {rate: (amount * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_UP) for rate, amount in net.items()}
    is_total = sum(net.values()) + sum(once.values()) == Decimal(invoice["totalAmountInclVat"])
    return {rate: vat for rate, vat in (once if is_total else by_line).items() if vat}


def _judge_expenses(verdict: Verdict, remotes: RemoteSystems, purchases: Sequence[Purchase]) -> None:
    numbers = {each["id"]: int(each["projectNumber"]) for each in remotes.moment("projects")}
    actual, ids = defaultdict(list), {}
    for each in remotes.moment("projectExpenses"):
        key = each["supplierInvoiceNumber"], numbers[each["projectId"]]
        actual[key].append((Decimal(each["amountInclVat"]), each["expenseDate"], each["supplierName"]))
        ids[each["id"]] = key
    expected = {
        (purchase.invoice, project): (amount, purchase.day, SUPPLIER["name"])
        for purchase in purchases
        for project, amount in purchase.costs.items()
    }
    verdict.compare("expense", actual, expected)
    _judge_documents(verdict, remotes, ids, {purchase.invoice: purchase.documents for purchase in purchases})
    names = Counter((each["projectId"], each["name"]) for each in remotes.moment("projectExtensions"))
    verdict.duplicated += [
        f"activity of project {project}"
        for project, name in names
        if name == ACTIVITY and names[project, name] > 1
    ]


def _judge_documents(
    verdict: Verdict,
    remotes: RemoteSystems,
    expenses: Mapping[int, tuple[str, int]],
    expected: Mapping[str, Sequence[str]],
) -> None:
    """Compare the md5 of the documents of each expense with those of its supplier's invoice."""
    documents = defaultdict(list)
    for each in remotes.moment("attachments"):
        documents[each["projectExpenseId"]].append(each["md5"])
    for expense_id, (invoice, project) in expenses.items():
        matches, due = Counter(documents[expense_id]), Counter(expected.get(invoice, ()))
        verdict.lost += [f"document {md5} of {invoice} on project {project}" for md5 in due - matches]
        verdict.duplicated += [f"document {md5} of {invoice} on project {project}" for md5 in matches - due]


def _judge_jobs(verdict: Verdict, operators: Operators, refused: set[str]) -> None:
    needs_attention = {view.record.id: view for view in operators.needs_attention()}
    verdict.needs_attention += [
        f"{view.title}: {view.message}" for key, view in needs_attention.items() if key not in refused
    ]
    verdict.wrong += [f"invoice {key} was not refused" for key in refused - needs_attention.keys()]
    verdict.needs_attention += operators.needless_questions


def _judge_mails(verdict: Verdict, remotes: RemoteSystems, operators: Operators, refused: set[str]) -> None:
    """Check that each alert about a record was mailed once; a record that is meant to be refused has one alert."""
    texts = {mail["text"] for mail in remotes.mails()}  # one that is sent twice after a crash is one
    for view in operators.needs_attention():
        mentions = sum(bool(re.search(rf"/records/{view.id}\b", text)) for text in texts)
        if not mentions:
            verdict.unmailed.append(f"{view.title}: {view.message}")
        elif mentions > 1:
            verdict.wrong.append(f"{view.title} is in {mentions} mails")
    for view, told in operators.alerts_by_record():
        due = (
            [AlertType.NEEDS_ATTENTION]
            if view.record.id in refused
            else [AlertType.NEEDS_ATTENTION, AlertType.RESOLVED] * (len(told) // 2)
        )
        if told != due:
            verdict.wrong.append(f"{view.title} has the alerts {', '.join(told)}")


def _judge_connection_alerts(verdict: Verdict, operators: Operators, *, clock_off: bool) -> None:
    """Check that an alert reported the end of each problem of the connection, and one each wrong clock."""
    turns = operators.connection_alerts()
    if turns and turns[-1] is not AlertType.RECOVERED:
        verdict.wrong.append(f"the connection has the alerts {', '.join(turns)}")
    if clock_off != bool(operators.clock_alerts()):
        verdict.unmailed.append(f"a clock that is off: {clock_off}, alerts: {operators.clock_alerts()}")
