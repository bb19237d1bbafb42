"""The Project service."""

from sandbox.twentyfour.dates import instant
from sandbox.twentyfour.sessions import Matchers, ServiceCall, matches_all, required
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Fields


def save_project(call: ServiceCall, request: Fields) -> int:
    """Create a project, with the caller's number or the next one, or change the one with that number."""
    project = required(request, "project")
    number: int = project.get("Id", call.client.next_project())
    _check(call, number, project)
    projects = call.client.projects
    old = projects.get(number, {"DateRegistered": call.now})
    projects[number] = old | project | {"Id": number, "DateChanged": call.now}
    return number


def _check(call: ServiceCall, number: int, project: Fields) -> None:
    if number < 1:
        raise SoapFaultError(f"Project Id {number} is not valid.")
    if not project.get("Name"):
        raise SoapFaultError("Property Name is missing.")
    if "CustomerId" in project and project["CustomerId"] not in call.client.customers:
        raise SoapFaultError(f"Customer {project['CustomerId']} does not exist.")


def get_single_project(call: ServiceCall, request: Fields) -> Fields | None:
    """Return one project, closed or not; empty if there is none with that number."""
    project = call.client.projects.get(request["projectId"])
    return project and _as_fields(call, project)


def get_project_list(call: ServiceCall, request: Fields) -> list[Fields]:
    """Return open projects that match every given search parameter; without any, all of them."""
    wanted = request.get("Ps", {})
    projects = call.client.projects.values()
    return [_as_fields(call, each) for each in projects if not each.get("Closed") and _matches(each, wanted)]


def get_deactivated_project_name_list(call: ServiceCall, _request: Fields) -> list[Fields]:
    """List the closed projects; the contract has a number and a name for each."""
    return [project for project in call.client.projects.values() if project.get("Closed")]


def _matches(project: Fields, wanted: Fields) -> bool:
    matchers: Matchers = {
        "ProjectIds": lambda value: not value or project["Id"] in value,
        "CustomerId": lambda value: project.get("CustomerId") == value,
        "Search": lambda value: value.lower() in project["Name"].lower(),
        "ChangedAfter": lambda value: project["DateChanged"] > instant(value),
        "StartedAfter": lambda value: "DateStart" in project and instant(project["DateStart"]) > instant(value),
        "StartedBefore": lambda value: "DateStart" in project and instant(project["DateStart"]) < instant(value),
    }
    return matches_all(matchers, wanted)


def _as_fields(call: ServiceCall, project: Fields) -> Fields:
    customer = call.client.customers.get(project.get("CustomerId", 0), {})
    return project | {"CustomerName": customer.get("Name", "")}
