"""PostgreSQL is lost with its disk, and replaced by a backup that lacks the last records."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.demo_user import eventually, expect
from local.servers import postgres_binaries
from local.stack import Stack
from models.admin import audit_log
from models.enums import EntityType, Scope
from tests.journeys.conftest import PACE
from tests.journeys.firm import Firm, Record
from tests.journeys.purchasing import ACCOUNTS, Purchasing
from tests.journeys.running_system import running_system, show

COST = {"account": 4300, "tax": "1", "comment": "Gips", "amount": "1250.00"}
RESTORED = "Reported that a backup was restored"
AT_WORK = ("web", "worker", "beat", "flower")


@pytest.mark.kills
def test_after_a_restore_nothing_is_lost_or_duplicated(tmp_path: Path) -> None:
    with running_system(tmp_path / "town", settings=PACE, log=show) as running:
        firm, stack, backup = running.firm(), running.stack, tmp_path / "backup.dump"
        firm.connect(entity_types=set(EntityType), expense_accounts=ACCOUNTS, voucher_number="series")
        purchasing = Purchasing(firm)
        buy(purchasing, project=1)
        before, kept_back = firm.invoice(firm.project()), firm.draft(firm.project())
        firm.notify(kept_back)
        firm.poll()
        expect_all(purchasing, [before], [1])

        program(stack, "pg_dump", "-Fc", f"--file={backup}")
        buy(purchasing, project=2)
        since = [firm.finalize(kept_back), firm.invoice(project := firm.project())]
        expect_all(purchasing, [before, *since], [1, 2])
        for name in AT_WORK:
            stack.parts[name].stop()
        lose_number(firm, project["customerId"])
        meanwhile = firm.invoice(firm.project())
        lose_disk(stack)

        program(stack, "pg_restore", "--clean", "--if-exists", "--single-transaction", str(backup))
        stack.command("restore", "--at-work")
        for name in AT_WORK:
            stack.parts[name].start()
        stack.wait_until_ready()
        purchasing.poll()
        firm.poll()
        expect_all(purchasing, [before, *since, meanwhile], [1, 2])
        expect_all(purchasing, [before, *since, meanwhile, firm.invoice(firm.project())], [1, 2])


def test_a_database_copy_is_restored_before_workers_use_it(tmp_path: Path) -> None:
    result: list[str] = []
    again = {**PACE, "RESTORED": "1"}
    with running_system(tmp_path, settings=again, log=lambda _, line: result.append(line)) as running:
        assert any("to be verified first: 0." in line for line in result)
        assert audit_log.page(running.container.database, Scope(), users=True).lines[0].action == RESTORED


def buy(purchasing: Purchasing, *, project: int) -> None:
    purchasing.enter({**COST, "project": project}, total="1250.00")
    purchasing.poll()


def expect_all(purchasing: Purchasing, invoices: list[Record], costs: list[int]) -> None:
    """Wait until both systems have each record once, with the same numbers."""
    firm = purchasing.firm
    firm.expect_vouchers(invoices)
    purchasing.expect_expenses(*((project, "1250.00") for project in costs))

    def holds() -> None:
        theirs = [(each["external_id"], str(each["number"])) for each in firm.records("customers")]
        ours = [(str(each["id"]), each["customerNumber"]) for each in firm.moment("customers")]
        expect("customers", sorted(each for each in theirs if each[0]), sorted(ours))

    eventually(holds)


def lose_number(firm: Firm, customer_id: int) -> None:
    """Simulate a crash before a customer's number was returned to Moment."""
    firm.control(
        "moment", "PATCH", f"api/1.0/companies/{firm.company}/customers/{customer_id}", {"customerNumber": ""}
    )


def lose_disk(stack: Stack) -> None:
    """Lose PostgreSQL with all its data, and start an empty one in its place."""
    stack.parts["postgres"].stop()
    shutil.rmtree(stack.plan.state / "postgres" / "data")
    stack.parts["postgres"].start()


def program(stack: Stack, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the integration's database."""
    where = f"--dbname={stack.environment['DATABASE_URL']}"
    subprocess.run([postgres_binaries(os.environ) / name, where, *arguments], check=True)
