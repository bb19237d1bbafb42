"""Records all cassettes again from the sandbox: ``make record``, after a change to a client's requests or responses.

If keys of real accounts are in the environment, it also reads there and reports how their responses differ.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.contracts import record_moment, record_real, record_twentyfour

if __name__ == "__main__":
    for system in (record_moment, record_twentyfour):
        shutil.rmtree(system.CASSETTES, ignore_errors=True)
        system.record()
    told = record_real.record(os.environ, Path("var") / "recorded", now=datetime.now(UTC))
    sys.stdout.writelines(f"{line}\n" for line in told)
