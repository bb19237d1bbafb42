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
    """Return the assumptions with this verdict."""
    return {
        verdict: {number for each in findings if each.status is verdict for number in each.tests.split(", ")}
        for verdict in CheckStatus
    }


def test_on_systems_that_match_the_assumptions_all_is_good_and_announced() -> None:
    theatre = odd.Theatre()
    theatre.erp.client_id = "4711"
    findings = theatre.play(client_id="4711")
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
    assert theatre.artifacts.remaining == [CUSTOMER, PROJECT, VOUCHERS, ACTIVITY]
    assert len(theatre.announced) == 5


def test_the_vouchers_cancel_out_and_the_expense_is_gone() -> None:
    theatre = odd.Theatre()
    theatre.play()
    first, second = theatre.erp.vouchers.values()
    assert [entry.amount for entry in first.entries] == [100, -76, -24]
    assert [entry.amount for entry in second.entries] == [-100, 76, 24]
    assert (theatre.moment.expenses, first.comment) == ({}, NAME)
    assert theatre.moment.customers["7"] == customer(number="10001")


def test_a_second_run_reuses_customer_and_project() -> None:
    theatre = odd.Theatre()
    theatre.play()
    assert [each.message for each in theatre.play() if each.status is CheckStatus.BAD] == []
    assert (list(theatre.erp.companies), list(theatre.erp.projects)) == ([10001], [999_999])
    assert sum(voucher.entries[0].amount for voucher in theatre.erp.vouchers.values()) == 0
    assert theatre.moment.expenses == {}


def test_leftovers_of_an_earlier_run_in_moment_are_removed() -> None:
    theatre = odd.Theatre()
    theatre.moment.fails_before["delete_expense"] = [AWAY]
    theatre.play()
    assert len(theatre.moment.expenses) == 1
    theatre.play()
    assert theatre.moment.expenses == {}


def test_if_24sevenoffice_numbers_the_vouchers_the_next_two_numbers_are_used() -> None:
    theatre = odd.Theatre()
    found = verdicts(theatre.play(voucher_number="series"))
    assert [number for _, number in theatre.erp.vouchers] == [1, 2]
    assert "S19" in found[CheckStatus.GOOD]


def test_a_draft_is_left_for_a_person_to_delete() -> None:
    class Journal(odd.ErpThatKeepsWhatIsNotSent):
        def posted(self, *_: object, **__: object) -> Sequence[LedgerLine]:
            return []

    theatre = odd.Theatre(Journal())
    assert verdicts(theatre.play(posting="draft"))[CheckStatus.GOOD] >= {"S9"}
    assert "voucher 1001 of 2026 in a journal of 24SevenOffice: delete it there" in theatre.artifacts.remaining
    assert len(theatre.erp.vouchers) == 1


def test_only_synced_types_are_tested() -> None:
    theatre = odd.Theatre()
    theatre.play(entity_types=(EntityType.CUSTOMER,))
    assert theatre.artifacts.remaining == [CUSTOMER]
    assert len(list(plan(theatre.target(entity_types=(EntityType.CUSTOMER,))))) == 2


def test_a_project_of_that_number_that_is_not_ours_is_left_alone() -> None:
    theatre = odd.Theatre()
    theatre.play(entity_types=(EntityType.CUSTOMER, EntityType.PROJECT))
    theatre.erp.projects[999_999] = replace(theatre.erp.projects[999_999], name="Operahuset")
    found = verdicts(theatre.play())
    assert "S2" in found[CheckStatus.UNKNOWN]
    assert theatre.erp.projects[999_999].name == "Operahuset"


def refusing(call: str, error: SyncError = REFUSED) -> Callable[[], odd.Theatre]:
    def build() -> odd.Theatre:
        theatre = odd.Theatre()
        system = theatre.moment if hasattr(theatre.moment, call) else theatre.erp
        system.fails_before[call] = [error]
        return theatre

    return build


def over(erp: type[OpenFakeErp]) -> Callable[[], odd.Theatre]:
    return lambda: odd.Theatre(erp())


def in_moment(moment: type[OpenFakeMoment], *records: Any) -> Callable[[], odd.Theatre]:
    return lambda: odd.Theatre(moment=moment(*(records or (customer(number="10001"), project()))))


Row = tuple[str, "Callable[[], odd.Theatre]", dict[str, Any], CheckStatus, str, str]

WRONG: list[Row] = [
    (
        "S1",
        over(odd.Renumbering),
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
    ("S2", over(odd.Forgetful), {}, CheckStatus.BAD, "doesn't exist in 24SevenOffice", "Look for it"),
    (
        "S3",
        over(odd.WithoutCustomer),
        {"factoring_id": 10001},
        CheckStatus.UNKNOWN,
        "doesn't show the customer and project on the receivable",
        "Check the voucher",
    ),
    (
        "S4",
        over(odd.OtherVatCode),
        {},
        CheckStatus.UNKNOWN,
        "sent with VAT code 3 but doesn't show it",
        "Check the VAT",
    ),
    ("S9", over(odd.Unseen), {}, CheckStatus.BAD, "the ledger doesn't have its invoice number", "Look for it"),
    (
        "S9",
        over(odd.ErpThatKeepsWhatIsNotSent),
        {"posting": "draft"},
        CheckStatus.BAD,
        "is in the ledger",
        "posted immediately",
    ),
    ("S10", refusing("post", ANSWERED), {}, CheckStatus.BAD, "It is refused.", ""),
    ("S12", over(odd.DayBefore), {}, CheckStatus.BAD, "customer 10001, 01.03.2026", "needs attention"),
    (
        "S14",
        over(OpenFakeErp),
        {},
        CheckStatus.UNKNOWN,
        "clears fields that aren't sent",
        "Set addresses and phone numbers to sync on every change",
    ),
    ("S14", over(odd.Stubborn), {}, CheckStatus.BAD, "didn't change", "changes in Moment may not arrive"),
    (
        "S18",
        over(odd.WithoutCustomer),
        {},
        CheckStatus.UNKNOWN,
        "doesn't show the customer and project",
        "Check the voucher",
    ),
    ("S19", over(odd.TakesOne), {"voucher_number": "series"}, CheckStatus.BAD, "It is refused.", ""),
    (
        "S21",
        over(odd.HalfAVoucher),
        {},
        CheckStatus.UNKNOWN,
        "can't be found in the ledger",
        "used twice in one year",
    ),
    ("S24", over(odd.WithoutVat), {"voucher_vat": "gross"}, CheckStatus.BAD, "is “net”", "Choose “net”"),
    ("S24", over(odd.WantsVat), {"voucher_vat": "gross"}, CheckStatus.BAD, "is “net”", "Choose “net”"),
    ("S24", over(odd.SplitsAgain), {}, CheckStatus.BAD, "is “gross”", "Choose “gross”"),
    ("S24", over(odd.OtherRate), {}, CheckStatus.BAD, "with either option", "before you sync invoices"),
    (
        "S26",
        over(odd.ShortComments),
        {},
        CheckStatus.BAD,
        "Only 50 of a comment's 75 characters are kept",
        "must be shorter",
    ),
    ("S26", over(odd.RefusesLongComments), {}, CheckStatus.BAD, "75 characters is rejected", "must be shorter"),
    ("S58", over(odd.ExactVat), {}, CheckStatus.UNKNOWN, "rejects VAT that is 5 øre off", "exact VAT is tried"),
    ("S58", over(odd.ExactVat), {}, CheckStatus.BAD, "doesn't keep VAT that is 5 øre off", "posted manually"),
    ("S58", over(odd.ReckonsVat), {}, CheckStatus.BAD, "doesn't keep VAT that is 5 øre off", "posted manually"),
    (
        "S27",
        over(odd.OtherRate),
        {"voucher_vat": "gross"},
        CheckStatus.UNKNOWN,
        "separates 0,13 of 1 krone",
        "other way",
    ),
    ("", over(odd.WithoutExternalId), {}, CheckStatus.BAD, "can't be found by its Moment id", "created twice"),
    ("", refusing("save_companies"), {}, CheckStatus.BAD, "It is refused.", ""),
    ("M2", in_moment(odd.ForgetsNames), {}, CheckStatus.BAD, "changed in Moment", "Check the customer"),
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
    ("M4", in_moment(odd.NoExternalId), {}, CheckStatus.BAD, "can't be found by our key", "created twice"),
    ("M5", in_moment(odd.KeepsExpenses), {}, CheckStatus.BAD, "still exists", "Remove it manually"),
    ("M11", in_moment(odd.NamelessFiles), {}, CheckStatus.BAD, "isn't listed by name", "may be attached twice"),
    ("M14", refusing("activity"), {}, CheckStatus.BAD, "It is refused.", ""),
]


@pytest.mark.parametrize(("number", "build", "changes", "verdict", "what", "remedy"), WRONG)
def test_an_assumption_that_does_not_hold_is_named(
    number: str,
    build: Callable[[], odd.Theatre],
    changes: dict[str, Any],
    verdict: CheckStatus,
    what: str,
    remedy: str,
) -> None:
    odd = [each for each in build().play(**changes) if each.status is verdict and what in each.message]
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
    theatre = odd.Theatre()
    for system in (theatre.erp, theatre.moment):
        system.fails_before[call] = list(errors)
    theatre.play()
    assert theatre.artifacts.remaining == left


def test_a_voucher_saved_without_a_response_is_found_and_reversed() -> None:
    theatre = odd.Theatre()
    theatre.erp.fails_after["post"] = [SILENT, SILENT]
    theatre.play()
    assert VOUCHERS in theatre.artifacts.remaining


def test_write_tests_stopped_at_any_call_have_listed_their_records() -> None:
    whole = len(odd.Theatre().play())
    for steps in range(1, whole):
        theatre = odd.Theatre()
        list(islice(run_write_tests(theatre.target(), theatre.artifacts), steps))
        left = " ".join(theatre.artifacts.remaining)
        assert ("customer 10001" in left) is bool(theatre.erp.companies)
        assert ("project 999999" in left) is bool(theatre.erp.projects)
        assert ("voucher" in left) is bool(theatre.erp.vouchers)
        assert ("an expense" in left) is bool(theatre.moment.expenses)
