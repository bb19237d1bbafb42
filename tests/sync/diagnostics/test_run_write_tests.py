"""The write tests of systems that meet the assumptions and of those that do not, and what they leave behind."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from models.enums import EntityType
from sync.diagnostics.findings import CheckStatus, Finding
from sync.diagnostics.run_write_tests import plan, run_write_tests
from sync.diagnostics.write_tests.artifacts import NAME
from sync.errors import OutcomeUnknownError, RejectedError, SyncError, UnavailableError
from sync.records import LedgerLine
from tests.factories import customer, project
from tests.sync.diagnostics import odd_systems as odd
from tests.sync.inspectable_fakes import OpenFakeErp, OpenFakeMoment

CUSTOMER = f"customer 10001 “{NAME}” in 24SevenOffice"
PROJECT = f"project 999999 “{NAME}” in 24SevenOffice"
VOUCHERS = "vouchers 1001 and 1002 of 2026 in 24SevenOffice, which cancel each other out"
ALONE = "voucher 1001 of 2026 for 1 krone in 24SevenOffice; unless voucher 1002 cancels it out, reverse it there"
ACTIVITY = f"the activity “{NAME}” of project 8 in Moment"
EXPENSE = f"an expense of 1 krone on project 8 in Moment, “{NAME}”"
AWAY, REFUSED = UnavailableError("It is away."), RejectedError("It is refused.")
SILENT, ANSWERED = OutcomeUnknownError("Nothing came."), OutcomeUnknownError("It broke.", otherwise=REFUSED)


def verdicts(findings: Sequence[Finding]) -> dict[CheckStatus, set[str]]:
    """Return the numbers of the assumptions by the verdict of their findings."""
    return {
        verdict: {number for each in findings if each.status is verdict for number in each.tests.split(", ")}
        for verdict in CheckStatus
    }


def test_on_systems_that_match_the_assumptions_all_is_good_and_announced() -> None:
    systems = odd.FakeSystems()
    systems.erp.client_id = "4711"
    findings = systems.run(client_id="4711")
    assert {each.status for each in findings} == {CheckStatus.GOOD}
    assert verdicts(findings)[CheckStatus.GOOD] >= {
        "S1",
        "S2",
        "S4",
        "S9",
        "S10",
        "S12",
        "S14",
        "S18",
        "S21",
        "S56",
        "S24",
        "S26",
        "S41",
        "S58",
    }
    assert verdicts(findings)[CheckStatus.GOOD] >= {"M2", "M4", "M5", "M11", "M14", "M15"}
    assert systems.artifacts.remaining == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]
    assert len(systems.announced) == 5


def test_the_vouchers_cancel_out_and_the_expense_is_gone() -> None:
    systems = odd.FakeSystems()
    systems.run()
    first, second = systems.erp.vouchers.values()
    assert [entry.amount for entry in first.entries] == [100, -76, -24]
    assert [entry.amount for entry in second.entries] == [-100, 76, 24]
    assert (systems.moment.expenses, first.comment) == ({}, NAME)
    assert systems.moment.customers["7"] == customer(number="10001")


def test_a_second_run_reuses_customer_and_project() -> None:
    systems = odd.FakeSystems()
    systems.run()
    assert [each.message for each in systems.run() if each.status is CheckStatus.BAD] == []
    assert (list(systems.erp.companies), list(systems.erp.projects)) == ([10001], [999_999])
    assert sum(voucher.entries[0].amount for voucher in systems.erp.vouchers.values()) == 0
    assert systems.moment.expenses == {}


def test_leftovers_of_an_earlier_run_in_moment_are_removed() -> None:
    systems = odd.FakeSystems()
    systems.moment.fails_before["delete_expense"] = [AWAY]
    systems.run()
    assert len(systems.moment.expenses) == 1
    systems.run()
    assert systems.moment.expenses == {}


def test_if_24sevenoffice_numbers_the_vouchers_the_next_two_numbers_are_used() -> None:
    systems = odd.FakeSystems()
    found = verdicts(systems.run(voucher_number="series"))
    assert [number for _, number in systems.erp.vouchers] == [1, 2]
    assert "S19" in found[CheckStatus.GOOD]


def test_a_draft_is_left_for_a_person_to_delete() -> None:
    class Journal(odd.ErpThatKeepsWhatIsNotSent):
        def posted(self, *_: object, **__: object) -> Sequence[LedgerLine]:
            return []

    systems = odd.FakeSystems(Journal())
    assert verdicts(systems.run(posting="draft"))[CheckStatus.GOOD] >= {"S9"}
    assert "voucher 1001 of 2026 in a journal of 24SevenOffice: delete it there" in systems.artifacts.remaining
    assert len(systems.erp.vouchers) == 1


def test_only_synced_types_are_tested() -> None:
    systems = odd.FakeSystems()
    systems.run(entity_types=(EntityType.CUSTOMER,))
    assert systems.artifacts.remaining == [CUSTOMER]
    assert len(list(plan(systems.target(entity_types=(EntityType.CUSTOMER,))))) == 2


def test_a_project_of_that_number_that_is_not_ours_is_left_alone() -> None:
    systems = odd.FakeSystems()
    systems.run(entity_types=(EntityType.CUSTOMER, EntityType.PROJECT))
    systems.erp.projects[999_999] = replace(systems.erp.projects[999_999], name="Operahuset")
    found = verdicts(systems.run())
    assert "S2" in found[CheckStatus.UNKNOWN]
    assert systems.erp.projects[999_999].name == "Operahuset"


def refusing(call: str, error: SyncError = REFUSED) -> Callable[[], odd.FakeSystems]:
    def build() -> odd.FakeSystems:
        systems = odd.FakeSystems()
        system = systems.moment if hasattr(systems.moment, call) else systems.erp
        system.fails_before[call] = [error]
        return systems

    return build


def over(erp: type[OpenFakeErp]) -> Callable[[], odd.FakeSystems]:
    return lambda: odd.FakeSystems(erp())


def in_moment(moment: type[OpenFakeMoment], *records: Any) -> Callable[[], odd.FakeSystems]:
    return lambda: odd.FakeSystems(moment=moment(*(records or (customer(number="10001"), project()))))


Row = tuple[str, "Callable[[], odd.FakeSystems]", dict[str, Any], CheckStatus, str, str]

WRONG: list[Row] = [
    (
        "S1",
        over(odd.ErpThatRenumbers),
        {},
        CheckStatus.BAD,
        "was sent with number 1001 but got 7",
        "setting “Voucher number”",
    ),
    (
        "S2",
        over(odd.ErpThatKeepsWhatIsNotSent),
        {"client_id": "4711"},
        CheckStatus.BAD,
        "which now contains “”",
        "Choose another field",
    ),
    ("S2", over(odd.ErpThatFindsNoProject), {}, CheckStatus.BAD, "doesn't exist in 24SevenOffice", "Look for it"),
    (
        "S3",
        over(odd.ErpThatOmitsCustomers),
        {"factoring_id": 10001},
        CheckStatus.UNKNOWN,
        "doesn't show the customer and project on the receivable",
        "Check the voucher",
    ),
    (
        "S4",
        over(odd.ErpThatDropsVatCodes),
        {},
        CheckStatus.UNKNOWN,
        "sent with VAT code 3 but doesn't show it",
        "Check the VAT",
    ),
    (
        "S9",
        over(odd.ErpThatShowsNoVoucher),
        {},
        CheckStatus.BAD,
        "the ledger doesn't have its invoice number",
        "Look for it",
    ),
    (
        "S9",
        over(odd.ErpThatKeepsWhatIsNotSent),
        {"posting": "draft"},
        CheckStatus.BAD,
        "is in the ledger",
        "posted immediately",
    ),
    ("S10", refusing("post", ANSWERED), {}, CheckStatus.BAD, "It is refused.", ""),
    (
        "S12",
        over(odd.ErpThatPostsADayEarlier),
        {},
        CheckStatus.BAD,
        "customer 10001, 01.03.2026",
        "needs attention",
    ),
    (
        "S14",
        over(OpenFakeErp),
        {},
        CheckStatus.UNKNOWN,
        "clears fields that aren't sent",
        "Set addresses and phone numbers to sync on every change",
    ),
    (
        "S14",
        over(odd.ErpThatIgnoresChanges),
        {},
        CheckStatus.BAD,
        "didn't change",
        "changes in Moment may not arrive",
    ),
    (
        "S18",
        over(odd.ErpThatOmitsCustomers),
        {},
        CheckStatus.UNKNOWN,
        "doesn't show the customer and project",
        "Check the voucher",
    ),
    (
        "S19",
        over(odd.ErpThatAcceptsOneVoucher),
        {"voucher_number": "series"},
        CheckStatus.BAD,
        "It is refused.",
        "",
    ),
    (
        "S21",
        over(odd.ErpThatReturnsHalfAVoucher),
        {},
        CheckStatus.UNKNOWN,
        "can't be found in the ledger",
        "used twice in one year",
    ),
    (
        "S24",
        over(odd.ErpThatLeavesVatInRevenue),
        {"voucher_vat": "gross"},
        CheckStatus.BAD,
        "is “net”",
        "Choose “net”",
    ),
    (
        "S24",
        over(odd.ErpThatRequiresVatLines),
        {"voucher_vat": "gross"},
        CheckStatus.BAD,
        "is “net”",
        "Choose “net”",
    ),
    ("S24", over(odd.ErpThatAlwaysSplitsVat), {}, CheckStatus.BAD, "is “gross”", "Choose “gross”"),
    ("S24", over(odd.ErpWithAnotherRate), {}, CheckStatus.BAD, "with either option", "before you sync invoices"),
    (
        "S26",
        over(odd.ErpThatCutsComments),
        {},
        CheckStatus.BAD,
        "Only 50 of a comment's 75 characters are kept",
        "must be shorter",
    ),
    (
        "S26",
        over(odd.ErpThatRefusesLongComments),
        {},
        CheckStatus.BAD,
        "75 characters is rejected",
        "must be shorter",
    ),
    (
        "S58",
        over(odd.ErpThatComparesVatExactly),
        {},
        CheckStatus.UNKNOWN,
        "rejects VAT that is 5 øre off",
        "exact VAT is tried",
    ),
    (
        "S58",
        over(odd.ErpThatComparesVatExactly),
        {},
        CheckStatus.BAD,
        "doesn't keep VAT that is 5 øre off",
        "posted manually",
    ),
    (
        "S58",
        over(odd.ErpThatRecomputesVat),
        {},
        CheckStatus.BAD,
        "doesn't keep VAT that is 5 øre off",
        "posted manually",
    ),
    (
        "S27",
        over(odd.ErpWithAnotherRate),
        {"voucher_vat": "gross"},
        CheckStatus.UNKNOWN,
        "separates 0,13 of 1 krone",
        "other way",
    ),
    (
        "",
        over(odd.ErpThatFindsNoExternalId),
        {},
        CheckStatus.BAD,
        "can't be found by its Moment id",
        "created twice",
    ),
    ("", refusing("save_companies"), {}, CheckStatus.BAD, "It is refused.", ""),
    ("M2", in_moment(odd.MomentThatLosesNames), {}, CheckStatus.BAD, "changed in Moment", "Check the customer"),
    (
        "M2",
        in_moment(OpenFakeMoment, project()),
        {},
        CheckStatus.UNKNOWN,
        "No customer in Moment has a number",
        "again",
    ),
    (
        "M4",
        in_moment(OpenFakeMoment, customer(number="1")),
        {},
        CheckStatus.UNKNOWN,
        "has no project",
        "Create a project",
    ),
    ("M4", refusing("create_expense"), {}, CheckStatus.BAD, "It is refused.", ""),
    (
        "M4",
        in_moment(odd.MomentThatDropsExternalIds),
        {},
        CheckStatus.BAD,
        "can't be found by our key",
        "created twice",
    ),
    ("M5", in_moment(odd.MomentThatKeepsExpenses), {}, CheckStatus.BAD, "still exists", "Remove it manually"),
    (
        "M11",
        in_moment(odd.MomentThatListsNoFileNames),
        {},
        CheckStatus.BAD,
        "isn't listed by name",
        "may be attached twice",
    ),
    ("M14", refusing("activity"), {}, CheckStatus.BAD, "It is refused.", ""),
]


@pytest.mark.parametrize(("number", "build", "changes", "verdict", "what", "remedy"), WRONG)
def test_an_assumption_that_does_not_hold_is_named(
    number: str,
    build: Callable[[], odd.FakeSystems],
    changes: dict[str, Any],
    verdict: CheckStatus,
    what: str,
    remedy: str,
) -> None:
    odd = [each for each in build().run(**changes) if each.status is verdict and what in each.message]
    assert [number in each.tests and remedy in each.remedy for each in odd] == [True]


@pytest.mark.parametrize(
    ("call", "errors", "left"),
    [
        ("save_companies", [AWAY], [ACTIVITY]),
        ("save_companies", [SILENT], [f"possibly the customer “{NAME}” in 24SevenOffice", ACTIVITY]),
        ("save_project", [AWAY], [CUSTOMER, f"possibly {PROJECT}", ACTIVITY]),
        ("post", [AWAY], [CUSTOMER, PROJECT, ACTIVITY]),
        ("post", [ANSWERED], [CUSTOMER, PROJECT, ACTIVITY]),
        (
            "post",
            [SILENT],
            [CUSTOMER, PROJECT, "possibly voucher 1001 of 2026 for 1 krone in 24SevenOffice", ACTIVITY],
        ),
        ("post", [None, AWAY], [CUSTOMER, PROJECT, ALONE, ACTIVITY]),
        ("post", [None, SILENT], [CUSTOMER, PROJECT, ALONE, ACTIVITY]),
        (
            "posted",
            [None, AWAY],
            [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY],
        ),
        ("create_expense", [AWAY], [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]),
        ("create_expense", [SILENT], [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY, f"possibly {EXPENSE}"]),
        ("upload_document", [AWAY], [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]),
        ("delete_expense", [AWAY], [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY, EXPENSE]),
    ],
)
def test_write_tests_that_break_off_list_the_records_they_left(
    call: str, errors: list[Exception | None], left: list[str]
) -> None:
    systems = odd.FakeSystems()
    for system in (systems.erp, systems.moment):
        system.fails_before[call] = list(errors)
    systems.run()
    assert systems.artifacts.remaining == left


def test_a_voucher_saved_without_a_response_is_found_and_reversed() -> None:
    systems = odd.FakeSystems()
    systems.erp.fails_after["post"] = [SILENT, SILENT]
    systems.run()
    assert VOUCHERS in systems.artifacts.remaining


def test_write_tests_stopped_at_any_call_have_listed_their_records() -> None:
    whole = len(odd.FakeSystems().run())
    for steps in range(1, whole):
        systems = odd.FakeSystems()
        list(islice(run_write_tests(systems.target(), systems.artifacts), steps))
        left = " ".join(systems.artifacts.remaining)
        assert ("customer 10001" in left) is bool(systems.erp.companies)
        assert ("project 999999" in left) is bool(systems.erp.projects)
        assert ("voucher" in left) is bool(systems.erp.vouchers)
        assert ("an expense" in left) is bool(systems.moment.expenses)
