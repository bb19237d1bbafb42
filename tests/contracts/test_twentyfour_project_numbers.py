"""The calls for checking whether project numbers are free."""

from dataclasses import replace

import pytest

from integrations.twentyfour.gateway import TwentyFourGateway
from sync.records import ExistingProject
from tests.contracts.stage_twentyfour import KULTURHUSET, NORDLYS, TwentyFourSandbox


@pytest.fixture
def erp(twentyfour_sandbox: TwentyFourSandbox) -> TwentyFourGateway:
    return twentyfour_sandbox.gateway()


def enter(
    twentyfour_sandbox: TwentyFourSandbox, number: int, name: str = "Brannstasjonen", **more: object
) -> None:
    """Enter a project manually, as a bookkeeper does."""
    twentyfour_sandbox.control("POST", "/books/1/projects", {"number": number, "name": name, **more})


def looks(twentyfour_sandbox: TwentyFourSandbox) -> int:
    return twentyfour_sandbox.calls().get("GetProjectList", 0)


def test_adjacent_numbers_are_searched_for_together(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, 17)
    assert erp.existing_projects([1, 205]) == []
    assert erp.existing_projects([2, 99, 200, 299]) == []
    assert looks(twentyfour_sandbox) == 1
    assert erp.existing_projects([17]) == [ExistingProject(17, "Brannstasjonen")]
    assert looks(twentyfour_sandbox) == 2


def test_consecutive_projects_are_searched_for_by_their_thousand(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, 555)
    assert (
        erp.existing_projects([1]) == erp.existing_projects([100]) == erp.existing_projects(range(101, 500)) == []
    )
    assert looks(twentyfour_sandbox) == 2
    assert erp.existing_projects([555]) == [ExistingProject(555, "Brannstasjonen")]
    assert erp.existing_projects([1001]) == erp.existing_projects([1999]) == []
    assert looks(twentyfour_sandbox) == 4


def test_a_closed_project_keeps_its_number_though_no_list_has_it(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, 17, closed=True)
    enter(twentyfour_sandbox, 18)
    project = ExistingProject(17, "Brannstasjonen", closed=True)
    assert erp.existing_projects([1, 17, 18]) == [ExistingProject(18, "Brannstasjonen"), project]
    assert erp.existing_projects([17, 205]) == [project]
    assert twentyfour_sandbox.calls()["GetDeactivatedProjectNameList"] == 1


def test_a_number_that_is_taken_is_read_as_it_is_now(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    for name in ("Brannstasjonen", "Kulturhuset"):
        enter(twentyfour_sandbox, 17, name)
        assert erp.existing_projects([17]) == [ExistingProject(17, name)]


def test_a_project_read_alone_exists_though_its_number_was_just_free(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    assert erp.existing_projects([1]) == []
    enter(twentyfour_sandbox, 17)
    assert (erp.existing_projects([17]), erp.project(17)) == ([], ExistingProject(17, "Brannstasjonen"))


def test_a_number_that_we_saved_is_no_longer_free(erp: TwentyFourGateway) -> None:
    erp.save_companies([NORDLYS])
    assert erp.existing_projects([1]) == []
    erp.save_project(KULTURHUSET)
    assert erp.existing_projects([1]) == [ExistingProject(1, "Kulturhuset", 10001)]


def test_numbers_far_apart_and_the_highest_are_searched_for(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    far = [*range(1, 2_000_000_000, 100_000_000), 2**31 - 1]
    enter(twentyfour_sandbox, far[3])
    enter(twentyfour_sandbox, far[-1])
    assert [each.number for each in erp.existing_projects(far)] == [far[3], far[-1]]
    assert [each.number for each in erp.existing_projects([2**31 - 2, 2**31 - 1])] == [far[-1]]


def test_after_a_refused_save_the_number_is_searched_for_again(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    assert erp.existing_projects([1]) == []
    twentyfour_sandbox.add_fault("SaveProject", "fault")
    with pytest.raises(Exception, match="24SevenOffice"):
        erp.save_project(replace(KULTURHUSET, customer_number=None))
    assert erp.existing_projects([1]) == []
    assert looks(twentyfour_sandbox) == 2
