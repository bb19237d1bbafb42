from datetime import timedelta
from threading import Event, Thread
from typing import Self

import psutil

from tests.journeys.purchasing import Purchasing

MB = 1024 * 1024
COST = {"account": 4300, "amount": "1250.00", "tax": "1", "project": 1}
SCAN = b"%PDF-1.7 F-77"


class Watch:
    """Measures the memory of a process while the block lasts: ``baseline`` before it and ``peak``, in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._over = Event()
        self._thread = Thread(target=self._look)
        self.baseline = self.peak = process.memory_info().rss

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, self._process.memory_info().rss)


def test_a_later_document_is_added_to_the_existing_expense(purchasing: Purchasing) -> None:
    voucher = purchasing.enter(COST, total="1250.00")
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"))
    purchasing.scan(voucher, SCAN)
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"), files=[SCAN])
    (document,) = purchasing.firm.moment("attachments")
    assert (document["name"], document["contentType"]) == ("Byggmakker AS F-77.pdf", "application/pdf")


def test_an_invoice_whose_document_is_approved_later_is_synced_then(purchasing: Purchasing) -> None:
    voucher = purchasing.enter(COST, total="1250.00")
    purchasing.scan(voucher, SCAN, approved=False)
    purchasing.poll()
    purchasing.expect_expenses()
    purchasing.approve_all()
    purchasing.firm.skip_time(timedelta(hours=1))
    purchasing.expect_expenses((1, "1250.00"), files=[SCAN])


def test_a_document_of_40_mb_arrives_whole_by_a_worker_that_grows_by_less_than_150_mb(
    purchasing: Purchasing,
) -> None:
    purchasing.enter(COST, total="1250.00", files=[SCAN])
    purchasing.poll()
    purchasing.expect_expenses((1, "1250.00"), files=[SCAN])
    large = b"".join(bytes([n]) * MB for n in range(40))
    purchasing.enter(COST | {"project": 2}, total="1250.00", invoice="F-78", files=[large])
    with Watch(the_worker()) as memory:
        purchasing.poll()
        purchasing.expect_expenses((1, "1250.00"), (2, "1250.00"), files=[SCAN, large])
    assert memory.peak - memory.baseline < 150 * MB


def the_worker() -> psutil.Process:
    """Return the process id of the only worker started here."""
    started = psutil.Process().children(recursive=True)
    (worker,) = (
        process for process in started if "worker.celery_app --quiet worker" in " ".join(process.cmdline())
    )
    return worker
