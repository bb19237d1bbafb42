"""What a rehearsal has made is taken back, and the rest of it played, whatever goes wrong on the way."""

from __future__ import annotations

import pytest

from sync.doctor.findings import Verdict
from sync.errors import Unavailable
from tests.sync.doctor import odd_systems as odd
from tests.sync.doctor.test_rehearsing import ACTIVITY, CUSTOMER, PROJECT, VOUCHERS

AWAY, ODD = Unavailable("It is away."), TypeError("It is odd.")
CHECKED_BY = {
    "posted": "vouchers.posted",
    "purchase": "ledger.whole",
    "find_expense": "expenses.found",
    "attach": "expenses.attached",
    "attachments": "expenses.attached",
}


@pytest.mark.parametrize("error", [AWAY, ODD])
@pytest.mark.parametrize("call", ["posted", "purchase", "find_expense", "attach", "attachments"])
def test_what_was_made_is_taken_back_also_where_a_look_at_it_fails(
    call: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    theatre = odd.Theatre()
    if call == "purchase":

        def purchase(_: str) -> None:
            raise error

        monkeypatch.setattr(theatre.erp, call, purchase)
    theatre.erp.fails_before["posted"] = [error] if call == "posted" else []
    theatre.moment.fails_before[call] = [None, error] if call == "find_expense" else [error]
    (found,) = [each for each in theatre.play() if each.verdict is Verdict.BAD]
    assert found.what in ("It is away.", f"The check “{CHECKED_BY[call]}” itself failed (TypeError).")
    assert theatre.traces.left == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]
    assert theatre.moment.expenses == {}


def test_a_voucher_is_taken_back_also_where_posting_it_fails_oddly_after_it_was_saved() -> None:
    theatre = odd.Theatre()
    theatre.erp.fails_after["post"] = [ODD]
    theatre.play()
    assert theatre.traces.left == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]


@pytest.mark.parametrize("call", ["save_companies", "return_customer_number", "activity"])
def test_a_trial_that_fails_itself_is_a_finding_and_the_others_go_on(call: str) -> None:
    theatre = odd.Theatre()
    for system in (theatre.erp, theatre.moment):
        system.fails_before[call] = [ODD]
    findings = theatre.play()
    (found,) = [each for each in findings if each.verdict is Verdict.BAD]
    assert found.what.endswith("itself failed (TypeError).")
    assert len(findings) > 1
