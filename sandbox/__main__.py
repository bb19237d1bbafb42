"""The sandbox as one process: ``python -m sandbox``. It prints a line once all servers listen; Ctrl-C stops it."""

import argparse
import asyncio
import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp

from sandbox.faults import Faults
from sandbox.mailbox import Mailbox, create_pages
from sandbox.moment.app import create_app as moment_app
from sandbox.moment.record_store import RecordStore
from sandbox.moment.webhooks import WebhookSender
from sandbox.servers import Server, address
from sandbox.snapshots import SnapshotStore
from sandbox.twentyfour import seed
from sandbox.twentyfour.app import create_app as twentyfour_app


def now() -> datetime:
    """Return the UTC instant, to the millisecond."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sandbox", description="Moment, 24SevenOffice and a mailbox on localhost."
    )
    parser.add_argument("--host", default="127.0.0.1")
    for server, port in (("moment", 8101), ("twentyfour", 8102), ("mail", 8103), ("smtp", 8104)):
        parser.add_argument(f"--{server}-port", type=int, default=port, metavar="PORT", help="0 for any free port")
    parser.add_argument("--wsdl", type=Path, default=Path("integrations/twentyfour/wsdl"), metavar="FOLDER")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="file that keeps the data between runs")
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace) -> None:
    stop = _stop_on_signals()
    mails = Mailbox(clock=now)
    apps, snapshots = _create_apps(options)
    servers = {
        "moment": Server(snapshots.track_changes(apps["moment"]), host=options.host, port=options.moment_port),
        "twentyfour": Server(
            snapshots.track_changes(apps["twentyfour"]), host=options.host, port=options.twentyfour_port
        ),
        "mail": Server(create_pages(mails), host=options.host, port=options.mail_port),
    }
    smtp = await asyncio.get_running_loop().create_server(mails.connection, options.host, options.smtp_port)
    async with smtp, asyncio.TaskGroup() as tasks:
        for server in servers.values():
            tasks.create_task(server.serve())
        saving = tasks.create_task(snapshots.save_changes())
        urls = {name: server.url for name, server in servers.items()} | {
            "smtp": f"smtp://{address(smtp.sockets[0])}"
        }
        print("sandbox ready", json.dumps(urls), flush=True)  # noqa: T201 - the starter waits for this line
        await stop.wait()
        saving.cancel()
        for server in servers.values():
            server.should_exit = True
    snapshots.save()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _create_apps(options: argparse.Namespace) -> tuple[dict[str, ASGIApp], SnapshotStore]:
    """Create both systems, with their saved data or the seeded data."""
    webhook_sender = WebhookSender(clock=now)
    moment = RecordStore(clock=now, notify=webhook_sender.notify)
    twentyfour = seed.initial_state(now().date())
    snapshots = SnapshotStore(options.keep, snapshot=lambda: (moment.state, twentyfour))
    if kept := snapshots.load():
        moment.state, twentyfour = kept
    apps = {
        "moment": moment_app(moment, webhook_sender=webhook_sender, faults=Faults()),
        "twentyfour": twentyfour_app(twentyfour, wsdl=options.wsdl, faults=Faults(), clock=now),
    }
    return apps, snapshots


if __name__ == "__main__":
    asyncio.run(run(parse()))
