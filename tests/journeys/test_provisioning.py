"""The script of docs/api.md, with thirty companies in the sandbox."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from models.enums import Scope
from models.users import tokens
from models.users.tokens import TokenScope
from tests.journeys.firm import API_KEY, PASSWORD, Firm
from tests.journeys.running_system import RunningSystem
from worker.container import clock

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
MANY, WRONG, NAMELESS, REFUSED = 30, 7, 3, 11
"""Companies, and which of them has a wrong password, a customer without a name, and an address that is none."""

NEEDS = {
    TokenScope.CONNECTIONS_READ,
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
    right = [dict(row) for row in rows]
    rows[WRONG]["password"] = "wrong"
    rows[REFUSED]["error_emails"] = "nobody"
    write(file, rows)
    container = one_system.container
    _, token = tokens.create(
        container.database, "script", scopes=frozenset(NEEDS), scope=Scope(), actor="test", now=clock()
    )
    output = run(one_system, script, file, token)
    connections = [each for each in container.connections.all() if each.name.startswith("Provisioned")]
    assert len(connections) == MANY - 1
    assert {each.settings.error_emails for each in connections} == {("kari@example.com", "ola@example.com")}
    assert [each.name for each in connections if each.paused_because and not each.client_number] == [
        f"Provisioned Ærlig Øl Åsen {WRONG}"
    ]
    assert output.count("/webhooks/moment/") == MANY - 1
    assert [output.count(each) for each in ("is wrong:", "is refused:")] == [1, 1]
    assert f"Backfills that have ended: {MANY - 2}" in output
    attention = [line for line in output.splitlines() if re.match(r"Provisioned .* \| ", line)]
    assert [line.partition(" | ")[0] for line in attention] == [f"Provisioned Ærlig Øl Åsen {NAMELESS}"], output
    write(file, [right[WRONG], right[REFUSED], right[0]])  # corrected, and one that was right
    output = run(one_system, script, file, token)
    assert [output.count(each) for each in ("is wrong:", "is refused:", "/webhooks/moment/")] == [0, 0, 1], output
    assert "Backfills that have ended: 3" in output
    connections = [each for each in container.connections.all() if each.name.startswith("Provisioned")]
    for each in connections:
        container.connections.pause(each.id, "The journey is over.", now=clock())
    assert (len(connections), all(each.client_number for each in connections)) == (MANY, True)


def write(file: Path, rows: Sequence[dict[str, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as written:
        table = csv.DictWriter(written, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def company(firm: Firm, number: int) -> dict[str, str]:
    """Make a company in Moment and a client in 24SevenOffice. One of the companies has a customer without a name."""
    name, moment_company, username = (
        f"Provisioned Ærlig Øl Åsen {number}",
        str(7000 + number),
        f"provisioned-{number}@example.com",
    )
    login = {"username": username, "password": PASSWORD}
    firm.control("twentyfour", "PUT", f"books/{7000 + number}", {"name": name, **login})
    firm.control("moment", "PUT", f"companies/{moment_company}", {"name": name, "api_key": API_KEY})
    if number == NAMELESS:
        firm.company = moment_company
        firm.enter("customers", name="")
    lists = {"entity_types": "customer;project; invoice", "error_emails": "kari@example.com;ola@example.com"}
    return {"name": name, "moment_company": moment_company, "moment_api_key": API_KEY, **login, **lists}


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
