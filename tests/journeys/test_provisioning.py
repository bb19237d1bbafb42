"""The script of docs/api.md, with thirty companies in the sandbox."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from models.enums import Scope
from models.users import tokens
from models.users.tokens import TokenScope
from tests.journeys.firm import API_KEY, PASSWORD, Firm
from tests.journeys.running_system import RunningSystem
from worker.container import clock

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
MANY, WRONG, NAMELESS = 30, 7, 3
"""Companies, the one of them whose password is wrong, and the one that has a customer without a name."""

NEEDS = {
    TokenScope.CONNECTIONS_WRITE,
    TokenScope.OPERATIONS_READ,
    TokenScope.OPERATIONS_WRITE,
    TokenScope.JOBS_READ,
}


# It takes ten seconds: it is what the guide promises, done by real workers.
def test_the_script_of_the_guide_provisions_many_connections(one_system: RunningSystem, tmp_path: Path) -> None:
    script = tmp_path / "provision.py"
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    script.write_text(code)
    file = tmp_path / "companies.csv"
    firm = one_system.firm()
    rows = [company(firm, number) for number in range(MANY)]
    rows[WRONG]["password"] = "wrong"
    with file.open("w", newline="") as written:
        table = csv.DictWriter(written, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    container = one_system.container
    _, token = tokens.create(
        container.database, "script", scopes=frozenset(NEEDS), scope=Scope(), actor="test", now=clock()
    )
    said = run(one_system, script, file, token)
    connections = [each for each in container.connections.all() if each.name.startswith("Provisioned")]
    for each in connections:
        container.connections.pause(each.id, "The journey is over.", now=clock())
    assert len(connections) == MANY
    assert [each.name for each in connections if each.paused_because and not each.client_number] == [
        f"Provisioned {WRONG}"
    ]
    assert said.count("/webhooks/moment/") == MANY
    assert said.count("is wrong:") == 1
    assert f"Backfills that have ended: {MANY - 1}" in said
    assert said.splitlines()[-1].startswith(f"Provisioned {NAMELESS} | "), said
    assert "webhooks" in run(one_system, script, file, token)  # the second time nothing is added
    assert len([each for each in container.connections.all() if each.name.startswith("Provisioned")]) == MANY


def company(firm: Firm, number: int) -> dict[str, str]:
    """Make a company in Moment and a client in 24SevenOffice; one has a customer without a name."""
    name, moment_company, username = (
        f"Provisioned {number}",
        str(7000 + number),
        f"provisioned-{number}@example.com",
    )
    login = {"username": username, "password": PASSWORD}
    firm.control("twentyfour", "PUT", f"books/{7000 + number}", {"name": name, **login})
    firm.control("moment", "PUT", f"companies/{moment_company}", {"name": name, "api_key": API_KEY})
    if number == NAMELESS:
        firm.company = moment_company
        firm.enter("customers", name="")
    return {"name": name, "moment_company": moment_company, "moment_api_key": API_KEY, **login}


def run(system: RunningSystem, script: Path, file: Path, token: str) -> str:
    environ = {**os.environ, "MOMENT24_URL": system.stack.addresses["web"], "MOMENT24_TOKEN": token}
    done = subprocess.run(
        [sys.executable, str(script), str(file)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
