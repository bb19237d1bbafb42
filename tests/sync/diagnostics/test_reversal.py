"""Write tests undo what they made, and run to the end, whatever goes wrong on the way."""

import pytest

from sync.diagnostics.findings import CheckStatus
from sync.errors import UnavailableError
from tests.sync.diagnostics import odd_systems as odd
from tests.sync.diagnostics.test_run_write_tests import ACTIVITY, CUSTOMER, PROJECT, VOUCHERS

AWAY, ODD = UnavailableError("It is away."), TypeError("It is odd.")
CHECKED_BY = {
    "posted": "vouchers.posted",
    "supplier_voucher": "ledger.whole",
    "find_expense": "expenses.found",
    "upload_document": "expenses.attached",
    "document_names": "expenses.attached",
}


@pytest.mark.parametrize("error", [AWAY, ODD])
@pytest.mark.parametrize(
    "call", ["posted", "supplier_voucher", "find_expense", "upload_document", "document_names"]
)
def test_created_records_are_reversed_even_if_reading_them_fails(
    call: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems = odd.FakeSystems()
    if call == "supplier_voucher":

        def purchase(_: str) -> None:
            raise error

        monkeypatch.setattr(systems.erp, call, purchase)
    systems.erp.fails_before["posted"] = [error] if call == "posted" else []
    systems.moment.fails_before[call] = [None, error] if call == "find_expense" else [error]
    (found,) = [each for each in systems.run() if each.status is CheckStatus.BAD]
    assert found.message in ("It is away.", f"The check “{CHECKED_BY[call]}” itself failed (TypeError).")
    assert systems.artifacts.remaining == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]
    assert systems.moment.expenses == {}


def test_a_voucher_is_reversed_even_if_posting_fails_after_it_was_saved() -> None:
    systems = odd.FakeSystems()
    systems.erp.fails_after["post"] = [ODD]
    systems.run()
    assert systems.artifacts.remaining == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]


@pytest.mark.parametrize("call", ["save_companies", "write_customer_number", "activity"])
def test_a_write_test_that_crashes_is_a_finding_and_the_others_continue(call: str) -> None:
    systems = odd.FakeSystems()
    for system in (systems.erp, systems.moment):
        system.fails_before[call] = [ODD]
    findings = systems.run()
    (found,) = [each for each in findings if each.status is CheckStatus.BAD]
    assert found.message.endswith("itself failed (TypeError).")
    assert len(findings) > 1
