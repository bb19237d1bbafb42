"""The suppliers' vouchers and their documents of the ERP in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from io import BytesIO
from typing import BinaryIO

from models.connections.account_ranges import AccountRanges
from sync.errors import RejectedError
from sync.records import LedgerLine, VoucherFile, VoucherFiles, is_partial
from tests.fake_remote import Remote


class FakeSupplierVouchers(Remote):
    def __init__(self) -> None:
        super().__init__()
        self.purchases: dict[str, list[LedgerLine]] = {}
        self.stamps: dict[int, VoucherFiles] = {}
        self.contents: dict[str, bytes] = {}
        self.asked: list[tuple[datetime, datetime]] = []

    def with_costs(self, first: date, last: date, costs: AccountRanges) -> Mapping[str, Sequence[LedgerLine]]:
        """Return the lines of these days: of vouchers with costs, and of vouchers that also have lines on other days."""
        cut = {
            name: [line for line in lines if first <= line.day <= last] for name, lines in self.purchases.items()
        }
        return {
            name: lines
            for name, lines in cut.items()
            if costs.intervals and (any(line.account in costs for line in lines) or is_partial(lines))
        }

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        with self.call("changed_vouchers"):
            self.asked.append((since, until))
            between = range(accounts.intervals[0].start, accounts.intervals[-1].stop)
            return [
                name for name, lines in self.purchases.items() if any(line.account in between for line in lines)
            ]

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        with self.call("supplier_voucher"):
            return self.purchases.get(voucher, [])

    def files_of(self, stamps: Collection[int]) -> Mapping[int, VoucherFiles]:
        with self.call("files_of"):
            return {stamp: self.stamps.get(stamp, VoucherFiles()) for stamp in stamps}

    @contextmanager
    def fetch(self, file: VoucherFile, *, renew_lease: Callable[[], None]) -> Iterator[BinaryIO]:
        with self.call("fetch"):
            renew_lease()
            if file.id not in self.contents:
                raise RejectedError("The file no longer exists.")
            yield BytesIO(self.contents[file.id])
