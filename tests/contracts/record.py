"""Records all cassettes anew, against the sandbox: ``make record``, after a change to what a client says or hears."""

from __future__ import annotations

import shutil

from tests.contracts import record_moment, record_twentyfour

if __name__ == "__main__":
    for system in (record_moment, record_twentyfour):
        shutil.rmtree(system.CASSETTES, ignore_errors=True)
        system.record()
