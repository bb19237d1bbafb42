"""Stands in for a peer's webhook: enqueues an event for each line that it reads, ``invoice [1, "10001", "1"]``."""

import json
import sys
from importlib import import_module


def main(name: str) -> None:
    peer = import_module(f"tests.bench.peers.{name}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        kind, _, told = line.partition(" ")
        peer.send(kind, *json.loads(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
