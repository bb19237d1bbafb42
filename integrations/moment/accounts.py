"""The financial accounts that invoice lines name by id, kept for a while: one list serves many invoices."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from cachetools import TTLCache
from pydantic import SecretStr

from i18n.messages import msg
from integrations.moment.fields import Fields, record_id

Access = tuple[str, SecretStr]
"""A company with the key that opens it: what one key has read is shown only to who has that key."""

_REMEDY = msg("Correct the financial account in Moment, then try again.")


class AccountCharts:
    """The charts of accounts of many companies, shared by the threads of a process.

    Args:
        seconds: how long a chart is trusted; a changed tax code takes effect that much later.
    """

    def __init__(self, *, seconds: float = 300) -> None:
        self._charts: TTLCache[Access, Mapping[str, Fields]] = TTLCache(maxsize=500, ttl=seconds)
        self._lock = Lock()

    def account(
        self, account_id: str, *, access: Access, fetch: Callable[[], Iterable[Mapping[str, object]]]
    ) -> Fields | None:
        """Find an account by its id, as two may share a number; the list is read anew for one not in it."""
        with self._lock:
            chart = self._charts.get(access)
        if chart is None or account_id not in chart:
            chart = {record_id(values.get("id")): _account(values) for values in fetch()}
            with self._lock:
                self._charts[access] = chart
        return chart.get(account_id)


def codes(rows: Iterable[Mapping[str, object]]) -> dict[int, str]:
    """Tell the numbers of accounts with their VAT codes, empty text where they have none (assumption M13).

    One without a number is left out, as no invoice can be booked on it. Raises RejectedError for a value that
    does not fit.
    """
    found = map(_account, rows)
    return {number: each.text("externalTaxCode") for each in found if (number := each.whole("accountNumber"))}


def numbers(rows: Iterable[Mapping[str, object]]) -> dict[str, int]:
    """Tell the ids of accounts with their numbers; one without a number is left out. Raises as :func:`codes`."""
    found = {record_id(values.get("id")): _account(values).whole("accountNumber") for values in rows}
    return {account_id: number for account_id, number in found.items() if number}


def _account(values: Mapping[str, object]) -> Fields:
    return Fields(values, _REMEDY, record=values.get("id"), part=msg("financial account"))
