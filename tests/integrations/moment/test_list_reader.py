"""Lists that change between two pages, as Moment's sandbox returns them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i18n.messages import msg
from integrations.moment.error_mapping import Call
from integrations.moment.list_reader import ListReader, Values
from sandbox.moment.list_queries import list_page
from sandbox.moment.records import Customer
from sync.errors import UnavailableError


@dataclass(frozen=True)
class Change:
    """What happens before a page is read: records at these indexes are deleted, and others created."""

    deleted: tuple[int, ...] = ()
    made: int = 0


@cache
def customer(record_id: int) -> Customer:
    return Customer(id=record_id)


@dataclass
class ChangingList:
    """A list of the sandbox that gives ``most`` rows at a time, and changes before each page but the first."""

    count: int
    most: int
    changes: Iterator[Change]
    asked: int = 0
    there: list[int] = field(init=False)
    deleted: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.there = list(range(1, self.count + 1))
        self._next_id = self.count + 1

    def fetch(self, query: Mapping[str, str]) -> Values:
        if self.asked:
            self._change(next(self.changes, Change()))
        self.asked += 1
        size = min(int(query["size"]), self.most)
        return list_page(map(customer, self.there), {**query, "size": str(size)})

    def read(self) -> list[int]:
        rows = ListReader(Call(msg("reading customers"), company="1001", repeatable=True), self.fetch).rows()
        return [int(str(row["id"])) for row in rows]

    def _change(self, change: Change) -> None:
        gone = {self.there[place % len(self.there)] for place in change.deleted if self.there}
        self.deleted |= gone
        self.there = [each for each in self.there if each not in gone]
        self.there += range(self._next_id, self._next_id + change.made)
        self._next_id += change.made


CHANGES = st.builds(Change, deleted=st.lists(st.integers(0, 99), max_size=6).map(tuple), made=st.integers(0, 6))


@given(
    count=st.integers(0, 60),
    most=st.integers(7, 25),
    changes=st.lists(CHANGES, max_size=8),
)
def test_records_that_stay_are_returned_once_whatever_else_changes(
    count: int, most: int, changes: list[Change]
) -> None:
    customers = ChangingList(count=count, most=most, changes=iter(changes))
    ids = customers.read()
    assert set(range(1, count + 1)) - customers.deleted <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_list_that_loses_and_gains_a_row_between_pages_is_read_whole() -> None:
    customers = ChangingList(count=1000, most=500, changes=iter([Change(deleted=(4,), made=1)]))
    assert set(customers.read()) == set(range(1, 1002))
    assert customers.asked == 5


def test_a_list_that_does_not_change_is_read_with_hardly_more_pages() -> None:
    customers = ChangingList(count=2000, most=100, changes=iter([]))
    assert customers.read() == list(range(1, 2001))
    assert customers.asked == 23


def test_a_list_that_changes_too_fast_to_be_read_is_given_up() -> None:
    changes = iter([Change(deleted=tuple(range(30)), made=30)] * 300)
    customers = ChangingList(count=300, most=25, changes=changes)
    with pytest.raises(UnavailableError) as error:
        customers.read()
    assert error.value.error_code == "incomplete_list"
    assert customers.asked < 300
