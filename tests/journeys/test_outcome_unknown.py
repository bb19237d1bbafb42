import pytest

from tests.journeys.firm import Firm


@pytest.mark.parametrize(
    ("system", "operation"),
    [("twentyfour", "SaveBundleList"), ("twentyfour", "SaveCompanies"), ("moment", "PATCH customers")],
)
def test_a_call_that_was_done_but_not_answered_is_not_done_twice(firm: Firm, system: str, operation: str) -> None:
    firm.add_fault(system, operation, "lose_answer")
    invoice = firm.invoice(firm.project())
    firm.outlast_faults(system)
    firm.expect_vouchers([invoice])
    assert [each["number"] for each in firm.records("customers")] == [10001]
    assert [each["customerNumber"] for each in firm.moment("customers")] == ["10001"]
    assert [each["number"] for each in firm.records("projects")] == [1]
