"""The diagnostics of unusual systems; healthy ones and common problems are in tests/worker/cli/test_doctor.py."""

from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from i18n.messages import Message, msg
from models.enums import EntityType
from sync.diagnostics import run_checks as diagnostics_run_checks
from sync.diagnostics.findings import CheckStatus, Finding, Target
from sync.diagnostics.run_checks import CHECKS, Check, run_checks
from sync.errors import MisconfiguredError
from sync.records import Company, FiscalYear, ProjectDraft
from tests.factories import NOW, customer, invoice, project, settings
from tests.sync.inspectable_fakes import OpenFakeErp, OpenFakeMoment


def found(
    erp: OpenFakeErp, *, moment: OpenFakeMoment | None = None, **changes: Any
) -> dict[CheckStatus, list[Finding]]:
    moment = moment or OpenFakeMoment(customer(), project(), invoice(number=1))
    report = run_checks(Target(settings(**changes), moment=moment, erp=erp, now=NOW))
    return {
        verdict: [each for each in report.findings if each.status is verdict and each.tests != "M6"]
        for verdict in CheckStatus
    }


def healthy(erp: OpenFakeErp) -> dict[CheckStatus, list[Finding]]:
    """Check a connection without any problem, unless the systems are unusual."""
    return found(erp, voucher_number="series")


def messages(findings: list[Finding]) -> list[str]:
    return [finding.message for finding in findings]


def test_fiscal_years_that_are_not_consecutive_are_a_warning() -> None:
    erp = OpenFakeErp()
    erp.years = [
        FiscalYear(date(2025, 1, 1), date(2025, 11, 30), locked=False),
        FiscalYear(date(2026, 1, 1), date(2026, 12, 31), locked=False),
    ]
    looked_at = found(erp)[CheckStatus.UNKNOWN]
    assert "01.01.2025-30.11.2025; 01.01.2026-31.12.2026" in "".join(messages(looked_at))


def test_vat_codes_that_are_not_listed_are_a_warning() -> None:
    erp = OpenFakeErp()
    erp.chart |= {account: f"9{account}" for account in range(3200, 3215)}
    (odd,) = [each for each in found(erp)[CheckStatus.UNKNOWN] if each.tests == "S4, S13"]
    assert odd.message.count("932") == 10
    assert odd.message.endswith(", ….")


@pytest.mark.parametrize(
    ("unasked", "never", "verdict", "says"),
    [
        ([], [], CheckStatus.GOOD, "on request"),
        ([msg("phone")], [], CheckStatus.GOOD, "without a request: phone"),
        ([msg("phone")], [msg("addresses")], CheckStatus.UNKNOWN, "even though we request them: addresses"),
    ],
)
def test_moments_customers_with_and_without_includes_are_compared(
    unasked: Collection[Message], never: Collection[Message], verdict: CheckStatus, says: str
) -> None:
    moment = OpenFakeMoment(customer())
    moment.told_unasked, moment.never_told = unasked, never
    (finding,) = [each for each in found(OpenFakeErp(), moment=moment)[verdict] if each.tests == "M20"]
    assert says in finding.message


def test_customers_unreadable_with_includes_do_not_blame_the_key() -> None:
    moment = OpenFakeMoment(customer())
    refusal = MisconfiguredError("Moment doesn't include “fax”.", error_code="moment_includes")
    moment.fails_before["customer"] = [refusal, refusal]
    assert "Moment doesn't include “fax”." in messages(found(OpenFakeErp(), moment=moment)[CheckStatus.BAD])


def test_accounts_of_moments_that_are_not_in_the_chart_are_named() -> None:
    moment = OpenFakeMoment(invoice(number=1))
    moment.codes = {3000: "", 3999: ""}
    looked_at = messages(found(OpenFakeErp(), moment=moment)[CheckStatus.UNKNOWN])
    assert "Moment has accounts that aren't in the chart of accounts: 3999." in looked_at


def test_a_mapped_account_must_exist_on_both_sides() -> None:
    moment = OpenFakeMoment(invoice(number=1))
    moment.codes = {3000: "", 3999: ""}
    healthy = found(OpenFakeErp(), moment=moment, accounts={"502": "3100/5"})
    assert "The accounts that replace Moment's exist." in messages(healthy[CheckStatus.GOOD])
    assert not [each for each in messages(healthy[CheckStatus.UNKNOWN]) if "3999" in each]
    wrong = found(OpenFakeErp(), moment=moment, accounts={"502": "3100/6", "501": "3998", "7": "3000"})
    assert messages([each for each in wrong[CheckStatus.BAD] if each.setting == "accounts"]) == [
        "24SevenOffice doesn't have these accounts or VAT codes: 3100/6, 3998.",
        "Moment has no financial accounts with these ids: 7.",
    ]


def test_a_chart_that_is_not_the_norwegian_standard_is_a_warning() -> None:
    erp = OpenFakeErp()
    erp.chart |= {4000: "", 2701: ""}
    found_out = found(erp, entity_types=(EntityType.EXPENSE,), expense_accounts="4000")
    assert messages(found_out[CheckStatus.BAD]) == []
    assert "There is no account for supplier debt from 2400 to 2499." in messages(found_out[CheckStatus.UNKNOWN])


def test_customers_out_of_use_that_are_listed_are_shown_as_such() -> None:
    erp = OpenFakeErp()
    erp.companies = {1: Company(1, "Nordlys AS"), 2: Company(2, "Gammel AS", active=False)}
    (told,) = [each for each in found(erp)[CheckStatus.GOOD] if each.tests == "S30"]
    assert told.message.endswith("inactive customers and suppliers: 1.")
    del erp.companies[2]
    (unsure,) = [each for each in found(erp)[CheckStatus.UNKNOWN] if each.tests == "S30"]
    assert "may be created again" in unsure.remedy


def test_a_project_that_the_list_leaves_out_is_reported_with_what_may_follow() -> None:
    erp = OpenFakeErp()
    erp.projects[1] = ProjectDraft(1, "Villa Solbakken")
    assert "24SevenOffice lists projects that also exist in Moment: 1." in messages(found(erp)[CheckStatus.GOOD])
    erp.closed.add(1)
    (told,) = [each for each in found(erp)[CheckStatus.BAD] if each.tests == "S31"]
    assert told.message == "24SevenOffice has projects that are missing from its project list: 1."
    assert "would overwrite" in told.remedy


def test_for_a_company_without_invoices_the_first_number_is_reported() -> None:
    looked_at = messages(found(OpenFakeErp(), moment=OpenFakeMoment())[CheckStatus.UNKNOWN])
    assert "The series of outgoing invoices goes on with 1; Moment has no invoice yet." in looked_at


@pytest.mark.parametrize(("account", "is_told"), [(None, True), (1920, False)])
def test_a_total_in_whole_kroner_is_reported_only_if_it_would_be_refused(
    account: int | None,
    is_told: bool,  # noqa: FBT001 - a case
) -> None:
    moment = OpenFakeMoment(customer(), project(), invoice(amounts=("12500.40",), total=Decimal(12500)))
    told = messages(found(OpenFakeErp(), moment=moment, rounding_account=account)[CheckStatus.UNKNOWN])
    assert ("The lines of invoice 1 add up to 12500.40 and its total is 12500." in told) is is_told


def test_types_that_are_not_synced_are_not_checked() -> None:
    erp, moment = OpenFakeErp(), OpenFakeMoment()
    found(erp, moment=moment, entity_types=(EntityType.CUSTOMER,))
    assert (erp.calls["next_voucher_number"], erp.calls["documents_of"], moment.calls["find_expense"]) == (0, 0, 0)


def test_a_check_that_crashes_is_a_finding_and_the_others_continue() -> None:
    erp = OpenFakeErp()
    erp.fails_before["all_companies"] = [TypeError("can't compare a password with None")]
    with capture_logs() as logs:
        findings = healthy(erp)
    (broken,) = findings[CheckStatus.BAD]
    assert broken.message == "The check “records.customers” itself failed (TypeError)."
    assert broken.remedy == "Forward this to your system administrator. The log has the details."
    assert messages(findings[CheckStatus.GOOD]) == messages(healthy(OpenFakeErp())[CheckStatus.GOOD])
    (logged,) = [each for each in logs if each["event"] == "check_crashed"]
    assert (logged["check"], logged["exc_info"]) == ("records.customers", True)


@pytest.mark.slow
def test_a_check_that_crashes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Target) -> Iterator[Finding]:
        raise KeyError("moment")

    for place, check in enumerate(CHECKS):
        broken.__module__, broken.__name__ = check.run.__module__, check.run.__name__
        checks = (*CHECKS[:place], Check(broken, check.needs), *CHECKS[place + 1 :])
        monkeypatch.setattr(diagnostics_run_checks, "CHECKS", checks)
        assert messages(healthy(OpenFakeErp())[CheckStatus.BAD]) == [
            f"The check “{check.name}” itself failed (KeyError)."
        ]


@pytest.mark.parametrize("call", ["identities", "tax_codes"])
def test_the_choices_of_a_setting_may_be_unreadable(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    erp = OpenFakeErp()

    def unreadable() -> None:
        raise AttributeError("NoneType")

    monkeypatch.setattr(erp, call, unreadable)
    broken = messages(healthy(erp)[CheckStatus.BAD])
    assert broken
    assert all("itself failed (AttributeError)" in each for each in broken)


def test_a_finding_is_read_as_it_was_stored() -> None:
    for findings in found(OpenFakeErp(), receivables_account=1501).values():
        for finding in findings:
            told = finding.as_json()
            assert Finding.from_json(told) == finding
            assert (
                Finding.from_json({**told, "status": told["status"].replace("_", " ")}) == finding
            )  # former ones
