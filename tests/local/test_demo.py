import json
import subprocess
import sys
from pathlib import Path

from local.processes import ROOT


def test_the_day_succeeds_and_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local", "demo", "--var", str(tmp_path)]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert [step["name"] for step in report["steps"] if not step["ok"]] == []
    assert report | {"steps": []} == {
        "ok": True,
        "steps": [],
        "synced": {"customers": 3, "projects": 3, "vouchers": 10, "expenses": 6, "attachments": 7},
        "mails": 1,
        "duplicates": 0,
    }
