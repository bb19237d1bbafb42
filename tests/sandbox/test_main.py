import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.serving import sandbox

KEY = ("apikey", "moment-demo-key")


def customers(moment: str) -> list[str]:
    response = requests.get(f"{moment}/books/1001/customers", timeout=10)
    return [customer["name"] for customer in response.json()]


def add_customer(moment: str, name: str) -> None:
    url = f"{moment}/api/1.0/companies/1001/customers"
    requests.post(url, json={"name": name}, auth=KEY, timeout=10).raise_for_status()


def test_all_servers_listen_when_it_reports_ready() -> None:
    with sandbox() as (addresses, _process):
        assert list(addresses) == ["moment", "twentyfour", "mail", "smtp"]
        for address in map(urlsplit, addresses.values()):
            socket.create_connection((address.hostname or "", address.port or 0), timeout=10).close()
        for page in ("moment", "twentyfour", "mail"):
            assert requests.get(addresses[page], timeout=10).status_code == 200


@pytest.mark.kills
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_even_while_a_call_hangs(number: signal.Signals) -> None:
    with sandbox() as (addresses, process):
        hang = {"operation": "*", "kind": "hang", "seconds": 600}
        requests.post(f"{addresses['moment']}/faults", json=hang, timeout=10)
        with pytest.raises(requests.Timeout):
            requests.get(f"{addresses['moment']}/api/1.0/companies/1001/customers", auth=KEY, timeout=0.1)
        process.send_signal(number)
        assert process.wait(10) == 0


@pytest.mark.kills
def test_kept_data_is_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.books"
    with sandbox(f"--keep={file}") as (addresses, process):
        add_customer(addresses["moment"], "Ås Bygg AS")
        years = f"{addresses['twentyfour']}/books/1/years"
        this_year = requests.get(years, timeout=10).json()[-2]["year"]
        requests.put(f"{years}/{this_year}", json={"locked": True}, timeout=10).raise_for_status()
        process.terminate()
        process.wait(10)
    with sandbox(f"--keep={file}") as (addresses, _process):
        assert "Ås Bygg AS" in customers(addresses["moment"])
        assert requests.get(f"{addresses['twentyfour']}/books/1/years", timeout=10).json()[-2]["locked"] is True


@pytest.mark.kills
def test_a_killed_sandbox_keeps_what_it_had_time_to_save(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.books"
    with sandbox(f"--keep={file}") as (addresses, process):
        add_customer(addresses["moment"], "Ås Bygg AS")
        while not file.exists():
            customers(addresses["moment"])
        process.kill()
        process.wait(10)
    with sandbox(f"--keep={file}") as (addresses, _process):
        assert "Ås Bygg AS" in customers(addresses["moment"])


def test_an_unreadable_file_is_left_alone_and_named(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.books"
    file.write_bytes(b"csandbox.moment.state\nGone\n.")
    command = [sys.executable, "-m", "sandbox", f"--keep={file}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    assert ended.returncode == 1
    assert f"{file} is of another version of the sandbox" in ended.stderr
    assert file.exists()
