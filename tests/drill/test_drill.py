"""Every page of the runbook names an existing drill, and every drill is named; the report is complete."""

import json
import re

import pytest

from local.processes import ROOT
from tests.drill.__main__ import DRILLS
from tests.drill.releases import FORMER_VERSION, VERSIONS
from tests.drill.report import FAILED, LEFT_OUT, OK, Line, is_green, report_of, table_line

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
DOCS = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
NAMED = re.compile(r"\*\*Drill\*\*: `make drill(?: ONLY=([a-z,-]+))?`")
THINGS = dict(re.findall(r"^### (\d+\..*?)$(.*?)(?=^##)", RUNBOOK, re.MULTILINE | re.DOTALL))
CHAPTERS = {
    name: text
    for name, text in re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    if name in {"Backing up", "Restoring a backup", "A failover that loses the last seconds", "Tasks"}
}


@pytest.mark.parametrize("page", [*THINGS, *CHAPTERS])
def test_a_page_of_the_runbook_names_its_drills(page: str) -> None:
    drills = [name for found in NAMED.findall({**THINGS, **CHAPTERS}[page]) for name in found.split(",")]
    assert drills
    assert set(drills) - DRILLS.keys() == set()


def test_every_drill_is_named_in_the_runbook() -> None:
    named = {name for found in NAMED.findall(RUNBOOK) for name in found.split(",")}
    assert named == DRILLS.keys()


def test_every_drill_that_a_page_names_is_there() -> None:
    named = {name for found in re.findall(r"make drill ONLY=([a-z,-]+)", DOCS) for name in found.split(",")}
    assert named - DRILLS.keys() == set()


@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_says_in_a_sentence_what_it_does(name: str) -> None:
    output = DRILLS[name].__doc__ or ""
    assert re.fullmatch(r"[A-Z][^\n]+\.", output)


def test_the_former_release_had_older_tables_than_the_present_migrations() -> None:
    versions = sorted(path.name[:4] for path in (ROOT / VERSIONS).glob("[0-9]*.py"))
    assert f"{int(FORMER_VERSION) + 1:04}" in versions
    assert len([each for each in versions if each > FORMER_VERSION]) >= 10


def test_a_report_lists_failures_and_skipped_drills() -> None:
    lines = [
        Line(
            drill="web",
            ended=OK,
            did="Kill the web.",
            asserted="the poll brings it",
            seconds_until_well=3.21,
            seconds=9,
        ),
        Line(drill="disk", ended=LEFT_OUT, did="Fill the disk.", asserted="only root may mount"),
    ]
    assert is_green(lines)
    assert "3.2 s" in table_line(lines[0])
    report = json.loads(json.dumps(report_of(lines)))
    assert (report["ok"], report["seconds"], report["left_out"]) == (True, 9, ["disk"])
    failed = Line(drill="redis", ended=FAILED, did="Kill Redis.", asserted="vouchers: 3, not 4")
    assert not report_of([*lines, failed])["ok"]
    assert "vouchers: 3, not 4" in table_line(failed)
