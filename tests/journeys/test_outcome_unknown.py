import pytest

from tests.journeys.firm import Firm


@pytest.mark.parametrize(
    ("system", "operation"),
    [("twentyfour", "SaveBundleList"), ("twentyfour", "SaveCompanies"), ("moment", "PATCH customers")],
)
def test_an_unanswered_call_that_took_effect_is_not_repeated(firm: Firm, system: str, operation: str) -> None:
    firm.add_fault(system, operation, "lose_response")
    invoice = firm.invoice(firm.project())
    firm.outlast_faults(system)
    firm.expect_vouchers([invoice])
    assert [each["number"] for each in firm.records("customers")] == [10001]
    assert [each["customerNumber"] for each in firm.moment("customers")] == ["10001"]
    assert [each["number"] for each in firm.records("projects")] == [1]
