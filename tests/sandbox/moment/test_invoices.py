from decimal import Decimal
from typing import Any

from tests.sandbox.moment.conftest import CUSTOMER, DRAFT, PROJECT, Moment


def draft(moment: Moment, *lines: dict[str, Any], **values: Any) -> Any:
    return moment.make("invoices", customerId=CUSTOMER, projectId=PROJECT, invoiceLines=list(lines), **values)


def test_amounts_are_calculated_from_the_lines(moment: Moment) -> None:
    invoice = draft(
        moment,
        {"quantity": "7.5", "unitPrice": "1333.33", "discountPercent": 10, "financialAccountId": 501},
        {"unitPrice": "100.10", "financialAccountId": 502},
        {"unitPrice": 50, "financialAccountId": 503, "vatPercentage": 12},
    )
    amounts = [(one["amountExclVat"], one["amountInclVat"]) for one in invoice["invoiceLines"]]
    assert amounts == [
        (Decimal("8999.98"), Decimal("11249.98")),
        (Decimal("100.10"), Decimal("115.12")),
        (Decimal("50.00"), Decimal("56.00")),
    ]
    assert invoice["totalAmountInclVat"] == Decimal("11421.10")


def test_given_amounts_are_kept(moment: Moment) -> None:
    line = {"unitPrice": 80, "amountExclVat": "79.99", "amountInclVat": "100.00", "financialAccountId": 501}
    assert draft(moment, line)["totalAmountInclVat"] == Decimal("100.00")


def test_an_unknown_account_customer_or_project_is_refused(moment: Moment) -> None:
    for body in ({"customerId": 1}, {"projectId": 1}, {"invoiceLines": [{"financialAccountId": 1}]}):
        assert moment.api("POST", "invoices", json=body).status_code == 400


def test_invoices_are_numbered_in_the_order_they_are_finalized(moment: Moment) -> None:
    second = draft(moment, {"unitPrice": 100, "financialAccountId": 501}, invoiceDate="2026-02-10")
    assert second["invoiceNumber"] is None
    first = moment.do(f"invoices/{DRAFT}/finalize")
    assert (first["invoiceNumber"], first["invoiceState"]) == (1, "finalized")
    second = moment.do(f"invoices/{second['id']}/finalize")
    assert (second["invoiceNumber"], second["invoiceDate"], second["dueDate"]) == (2, "2026-02-10", "2026-02-24")


def test_an_invoice_without_a_date_gets_the_day_in_oslo(moment: Moment) -> None:
    assert moment.do(f"invoices/{DRAFT}/finalize")["invoiceDate"] == "2026-04-01"


def test_a_finalized_invoice_never_changes(moment: Moment) -> None:
    before = moment.do(f"invoices/{DRAFT}/finalize")
    path = f"invoices/{DRAFT}"
    assert moment.api("PATCH", path, json={"description": "changed"}).status_code == 409
    assert moment.api("DELETE", path).status_code == 409
    assert moment.control("POST", f"companies/1001/{path}/finalize").status_code == 409
    assert moment.read(path) == before


def test_only_the_export_state_of_a_finalized_invoice_changes(moment: Moment) -> None:
    moment.do(f"invoices/{DRAFT}/finalize")
    assert moment.api("PATCH", f"invoices/{DRAFT}", json={"exportState": "transferred"}).status_code == 200
    assert moment.read(f"invoices/{DRAFT}")["exportState"] == "transferred"


def test_the_api_cannot_finalize(moment: Moment) -> None:
    assert moment.api("PATCH", f"invoices/{DRAFT}", json={"invoiceState": "finalized"}).status_code == 400


def test_an_invoice_without_customer_or_lines_stays_a_draft(moment: Moment) -> None:
    made = moment.make("invoices", projectId=PROJECT)
    assert moment.control("POST", f"companies/1001/invoices/{made['id']}/finalize").status_code == 409


def test_a_credit_note_is_a_finalized_invoice_of_negative_lines(moment: Moment) -> None:
    assert moment.control("POST", f"companies/1001/invoices/{DRAFT}/credit").status_code == 409
    invoice = moment.do(f"invoices/{DRAFT}/finalize")
    note = moment.do(f"invoices/{DRAFT}/credit")
    assert (note["invoiceNumber"], note["invoiceType"], note["creditedInvoiceId"]) == (2, "creditNote", DRAFT)
    assert note["totalAmountInclVat"] == -invoice["totalAmountInclVat"] == Decimal("-15625.00")
    assert note["invoiceLines"][0]["quantity"] == -10
    assert moment.read(f"invoices/{note['id']}") == note


def test_a_credit_note_need_not_refer_to_an_invoice(moment: Moment) -> None:
    line = {"quantity": -1, "unitPrice": 200, "financialAccountId": 501}
    made = draft(moment, line, invoiceType="creditNote")
    note = moment.do(f"invoices/{made['id']}/finalize")
    assert (note["totalAmountInclVat"], note["creditedInvoiceId"]) == (Decimal("-250.00"), None)
