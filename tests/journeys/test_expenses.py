import pytest

from tests.journeys.firm import Record
from tests.journeys.purchasing import Purchasing

COST = {"account": 4300, "tax": "1", "comment": "Gips"}
VAT = {"account": 2711, "tax": "1"}


@pytest.mark.parametrize(
    ("first", "second", "vat"),
    [
        ("1000.00", "333.33", [{**VAT, "amount": "333.33"}]),  # net beside lines of VAT
        ("1250.00", "416.66", []),  # gross
    ],
    ids=["net", "gross"],
)
def test_a_voucher_of_two_projects_is_an_expense_on_each_net_or_gross(
    purchasing: Purchasing, first: str, second: str, vat: list[Record]
) -> None:
    on_first, on_second = ({**COST, "amount": first, "project": 1}, {**COST, "amount": second, "project": 2})
    purchasing.enter(on_first, on_second, *vat, total="1666.66")
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"), (2, "416.66"))
    expenses = purchasing.firm.moment("projectExpenses")
    result = {(each["supplierName"], each["supplierInvoiceNumber"], each["approvalState"]) for each in expenses}
    assert result == {("Byggmakker AS", "F-77", "accepted")}


def test_a_credit_note_of_a_supplier_is_a_negative_expense(purchasing: Purchasing) -> None:
    purchasing.enter({**COST, "amount": "-1250.00", "project": 1}, total="-1250.00", type=15)
    purchasing.poll()
    purchasing.expect_expenses((1, "-1250.00"))


def test_a_cost_in_another_currency_stays_in_kroner_and_names_the_currency(purchasing: Purchasing) -> None:
    purchasing.enter({**COST, "amount": "1163.40", "project": 1}, total="1163.40", currency="EUR", rate="11.634")
    purchasing.poll()
    purchasing.expect_expenses((1, "1163.40"))
    (expense,) = purchasing.firm.moment("projectExpenses")
    assert (expense["description"], expense["currencyCode"]) == ("Gips (EUR)", "NOK")


def test_an_amount_corrected_in_the_ledger_is_corrected_in_moment(purchasing: Purchasing) -> None:
    voucher = purchasing.enter({**COST, "amount": "1250.00", "project": 1}, total="1250.00")
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"))
    cost, owed = (line["id"] for line in voucher["lines"])
    purchasing.correct(voucher, {"id": cost, "amount": "900.00"}, {"id": owed, "amount": "-900.00"})
    purchasing.poll()
    purchasing.expect_expenses((1, "900.00"))


@pytest.mark.parametrize(("way", "left"), [("hide", []), ("counter", [(1, "-1250.00"), (1, "1250.00")])])
def test_reversing_a_voucher_removes_its_expense(
    purchasing: Purchasing, way: str, left: list[tuple[int, str]]
) -> None:
    voucher = purchasing.enter({**COST, "amount": "1250.00", "project": 1}, total="1250.00")
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"))
    purchasing.reverse(voucher, way=way)
    purchasing.poll()
    purchasing.expect_expenses(*left)


def test_an_expense_deleted_in_moment_does_not_come_back(purchasing: Purchasing) -> None:
    voucher = purchasing.enter({**COST, "amount": "1250.00", "project": 1}, total="1250.00")
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"))
    (expense,) = purchasing.firm.moment("projectExpenses")
    purchasing.firm.delete("projectExpenses", expense["id"])
    purchasing.correct(voucher, {"id": voucher["lines"][0]["id"], "comment": "Gips og skruer"})
    purchasing.poll()
    purchasing.expect_expenses()


def test_an_expense_with_a_lost_response_is_not_created_again(purchasing: Purchasing) -> None:
    firm = purchasing.firm
    firm.add_fault("moment", "POST projectExpenses", "lose_response")
    purchasing.enter({**COST, "amount": "1250.00", "project": 1}, total="1250.00", files=[b"%PDF-1.7 F-77"])
    purchasing.poll()
    firm.outlast_faults("moment")
    purchasing.expect_expenses((1, "1250.00"), files=[b"%PDF-1.7 F-77"])
