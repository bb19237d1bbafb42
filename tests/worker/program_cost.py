"""Measures what a short Python program costs."""

import os
import subprocess
import sys

from local.processes import ROOT

LAUNCHER = """
import os, sys
_, status, used = os.wait4(os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ), 0)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
"""Runs a program from a small process; the memory of a large parent would count as the program's."""


def measure(*arguments: str, redis_url: str, runs: int) -> tuple[int, float, float]:
    """Return status, seconds of CPU and mebibytes of the fastest run. The first one may compile the program."""
    results = []
    for _ in range(runs):
        command = [sys.executable, "-S", "-c", LAUNCHER, *arguments]
        output = subprocess.check_output(command, cwd=ROOT, env={**os.environ, "REDIS_URL": redis_url}, text=True)
        status, seconds, mebibytes = output.split()[-3:]
        results.append((int(status), float(seconds), float(mebibytes)))
    return min(results, key=lambda result: result[1])
