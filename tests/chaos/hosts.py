"""Separate hosts for the workers of a chaotic day: network namespaces, each with a cable that can be cut.

Processes on a host reach the servers at the same addresses as all others, since 127.0.0.0/8 is routed through its
cable. A host disappears when the process that made it ends, however that ends.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from local.processes import ROOT, kill, spawn

NETWORK = "198.18.0.0/15"
"""Addresses for tests between hosts (RFC 2544), which no real network uses."""

NAME = "CHAOS_HOST"
START_SECONDS = 5


class NoHostsError(Exception):
    """This machine does not allow network namespaces; the message says why."""


class Host:
    """A host with the name of what runs on it, and its cable. Raises NoHostsError.

    ``number`` counts the hosts of this process from 0 up.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self._cable = f"chaos{os.getpid()}-{number}"  # an interface's name has 15 characters at most
        near, far = _addresses(os.getpid(), number)
        try:
            nothing = ("unshare", "--net", "sleep", "infinity")
            self._holder = spawn(nothing, cwd=ROOT, env=os.environ, output=subprocess.DEVNULL)
            self._wait()
            self._plug(near, far)
        except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            self.close()
            raise NoHostsError(str(getattr(error, "stderr", "") or error).strip()) from error

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs another one on this host."""
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *arguments)

    def cut_off(self) -> None:
        """Cut the cable: packets of either side vanish silently."""
        _do("ip", "link", "set", self._cable, "down")

    def reconnect(self) -> None:
        """Reconnect the cable."""
        _do("ip", "link", "set", self._cable, "up")

    def close(self) -> None:
        """Remove the host and its cable."""
        if holder := getattr(self, "_holder", None):
            kill(holder)

    def _wait(self) -> None:
        """Wait until the network of the host is up."""
        ours, theirs = Path("/proc/self/ns/net"), Path(f"/proc/{self._holder.pid}/ns/net")
        deadline = time.monotonic() + START_SECONDS
        while theirs.readlink() == ours.readlink():
            if self._holder.poll() is not None or time.monotonic() > deadline:
                raise NoHostsError("unshare: no network namespace could be made")
            time.sleep(0.01)

    def _plug(self, near: str, far: str) -> None:
        there = str(self._holder.pid)
        _do("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "uplink", "netns", there)
        _do("ip", "address", "add", f"{near}/30", "dev", self._cable)
        _do("ip", "link", "set", self._cable, "up")
        Path(f"/proc/sys/net/ipv4/conf/{self._cable}/route_localnet").write_text("1")
        _do(*self.command("ip", "address", "add", f"{far}/30", "dev", "uplink"))
        _do(*self.command("ip", "link", "set", "uplink", "up"))
        _do(*self.command("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/uplink/route_localnet"))
        _do(*self.command("ip", "route", "add", "127.0.0.0/8", "via", near, "src", far))


class Cables:
    """Cuts the cable of each host that asks for it in a folder, and reconnects it some seconds later.

    A process asks by a file in ``folder`` with the name of its host; the file is gone when the cable is cut.
    ``seconds`` returns how long the next cut lasts.
    """

    def __init__(self, hosts: Mapping[str, Host], folder: Path, *, seconds: Callable[[], float]) -> None:
        self._hosts, self._folder, self._seconds = hosts, folder, seconds
        self._back: dict[str, float] = {}

    def tend(self) -> None:
        """Check all cables; call it several times a second."""
        for name, host in self._hosts.items():
            wish = self._folder / name
            if name not in self._back and wish.exists():
                host.cut_off()
                self._back[name] = time.monotonic() + self._seconds()
                wish.unlink()
            elif time.monotonic() >= self._back.get(name, float("inf")):
                self._plug_in(name)

    def pending(self) -> bool:
        """Return whether any host is cut off."""
        return bool(self._back)

    def end(self) -> None:
        """Reconnect all cables."""
        for name in list(self._back):
            self._plug_in(name)

    def _plug_in(self, name: str) -> None:
        self._hosts[name].reconnect()
        del self._back[name]


def hosts(names: Iterable[str]) -> dict[str, Host]:
    """Make hosts with these names. Raises NoHostsError."""
    made: dict[str, Host] = {}
    try:
        for number, name in enumerate(names):
            made[name] = Host(name, number)
    except NoHostsError:
        for host in made.values():
            host.close()
        raise
    return made


def _addresses(process: int, number: int) -> tuple[str, str]:
    """Choose the two ends of a cable from four addresses that no other concurrent day uses."""
    at = (process * 4 + number) % 2**15 * 4
    start = f"198.{18 + (at >> 16)}.{at >> 8 & 255}"
    return f"{start}.{(at & 255) + 1}", f"{start}.{(at & 255) + 2}"


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=START_SECONDS)
