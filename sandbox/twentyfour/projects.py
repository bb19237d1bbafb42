"""The Project service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.twentyfour.days import instant
from sandbox.twentyfour.searching import passes
from sandbox.twentyfour.soap import SoapFault
from sandbox.twentyfour.visits import needed

if TYPE_CHECKING:
    from sandbox.twentyfour.books import Fields
    from sandbox.twentyfour.searching import Tests
    from sandbox.twentyfour.visits import Visit


def save_project(visit: Visit, request: Fields) -> int:
    """Create a project, with the number that the caller chose or the next, or change the one with that number."""
    project = needed(request, "project")
    number: int = project.get("Id", visit.client.next_project())
    _check(visit, number, project)
    projects = visit.client.projects
    old = projects.get(number, {"DateRegistered": visit.now})
    projects[number] = old | project | {"Id": number, "DateChanged": visit.now}
    return number


def _check(visit: Visit, number: int, project: Fields) -> None:
    if number < 1:
        raise SoapFault(f"Project Id {number} is not valid.")
    if not project.get("Name"):
        raise SoapFault("Property Name is missing.")
    if "CustomerId" in project and project["CustomerId"] not in visit.client.customers:
        raise SoapFault(f"Customer {project['CustomerId']} does not exist.")


def get_single_project(visit: Visit, request: Fields) -> Fields | None:
    """Read one project; the answer is empty where there is none with that number."""
    project = visit.client.projects.get(request["projectId"])
    return project and _shown(visit, project)


def get_project_list(visit: Visit, request: Fields) -> list[Fields]:
    """Find projects by every search parameter that is given; without any, list them all."""
    wanted = request.get("Ps", {})
    return [_shown(visit, project) for project in visit.client.projects.values() if _matches(project, wanted)]


def _matches(project: Fields, wanted: Fields) -> bool:
    tests: Tests = {
        "ProjectIds": lambda value: not value or project["Id"] in value,
        "CustomerId": lambda value: project.get("CustomerId") == value,
        "Search": lambda value: value.lower() in project["Name"].lower(),
        "ChangedAfter": lambda value: project["DateChanged"] > instant(value),
        "StartedAfter": lambda value: "DateStart" in project and instant(project["DateStart"]) > instant(value),
        "StartedBefore": lambda value: "DateStart" in project and instant(project["DateStart"]) < instant(value),
    }
    return passes(tests, wanted)


def _shown(visit: Visit, project: Fields) -> Fields:
    customer = visit.client.customers.get(project.get("CustomerId", 0), {})
    return project | {"CustomerName": customer.get("Name", "")}
