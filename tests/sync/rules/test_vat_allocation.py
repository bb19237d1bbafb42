from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.records import LedgerLine
from sync.rules.vat_allocation import gross_amounts

DAY = date(2026, 3, 2)
AMOUNT = st.integers(-10_000_000, 10_000_000)
COST = st.tuples(AMOUNT, st.sampled_from(["1", "11", "0"]))


def line(account: int, amount: int, vat_code: str = "1") -> LedgerLine:
    return LedgerLine(account, amount, DAY, vat_code)


def supplier(*lines: LedgerLine) -> LedgerLine:
    return line(2400, -sum(each.amount for each in lines), "")


def gross(*lines: LedgerLine) -> list[int]:
    return [amount for _, amount in gross_amounts([*lines, supplier(*lines)])]


def test_lines_without_vat_lines_are_gross_already() -> None:
    assert gross(line(4300, 125000), line(6590, 25000)) == [125000, 25000]


def test_net_lines_bear_their_share_of_the_vat() -> None:
    assert gross(line(4300, 100000), line(4300, 20000), line(2711, 30000)) == [125000, 25000]


def test_each_vat_code_bears_its_own() -> None:
    lines = (line(4300, 100000, "1"), line(4500, 100000, "11"), line(2711, 25000, "1"), line(2713, 15000, "11"))
    assert gross(*lines) == [125000, 115000]


def test_vat_that_is_reversed_in_the_same_voucher_adds_nothing() -> None:
    assert gross(line(4300, 100000), line(2711, 25000), line(2701, -25000)) == [100000]


def test_vat_without_a_code_of_its_own_is_borne_by_all() -> None:
    assert gross(line(4300, 30000), line(4500, 10000), line(2711, 10000, "")) == [37500, 12500]


def test_a_credit_note_is_negative() -> None:
    assert gross(line(4300, -100000), line(2711, -25000)) == [-125000]


@pytest.mark.parametrize(("amounts", "vat", "expected"), [([1, 1, 1], 1, [2, 1, 1]), ([5, 3], 1, [6, 3])])
def test_an_ore_that_cannot_be_shared_goes_to_one_line(amounts: list[int], vat: int, expected: list[int]) -> None:
    assert gross(*(line(4300, amount) for amount in amounts), line(2711, vat)) == expected


@given(st.lists(COST, min_size=1, max_size=40), st.lists(COST, max_size=4))
def test_the_lines_always_agree_with_what_the_supplier_is_owed(
    costs: list[tuple[int, str]], vat: list[tuple[int, str]]
) -> None:
    lines = [line(4300, *cost) for cost in costs] + [line(2711, *each) for each in vat]
    assert sum(gross(*lines)) == sum(each.amount for each in lines)


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=40), st.integers(0, 50))
def test_no_line_is_off_its_exact_share_by_more_than_one_ore(amounts: list[int], percent: int) -> None:
    vat = sum(amounts) * percent // 100
    found = gross(*(line(4300, amount) for amount in amounts), line(2711, vat))
    for amount, whole in zip(amounts, found, strict=True):
        assert abs(whole - amount - Fraction(vat * amount, sum(amounts))) < 1
