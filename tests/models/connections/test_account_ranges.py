from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.connections.account_ranges import AccountRanges

NUMBER = st.integers(1, 32767)
PART = st.one_of(NUMBER.map(str), st.tuples(NUMBER, NUMBER).map(lambda pair: f"{min(pair)}-{max(pair)}"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("4000, 4300-4399, 6590", "4000, 4300-4399, 6590"),
        (" 6590,4000 ", "4000, 6590"),
        ("4000-4010, 4005-4020, 4021", "4000-4021"),
        ("4300 – 4399", "4300-4399"),
        ("", ""),
    ],
)
def test_accounts_are_read_as_users_write_them(text: str, read: str) -> None:
    assert str(AccountRanges.parse(text)) == read


@pytest.mark.parametrize("text", ["4000;4300", "4399-4300", "0", "99999", "forty", "4000-", "4000 4300"])
def test_an_invalid_account_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text[:4]):
        AccountRanges.parse(text)


@given(st.lists(PART, max_size=8), NUMBER)
def test_merging_intervals_changes_no_membership(parts: list[str], account: int) -> None:
    bounds = [[int(each) for each in part.split("-")] for part in parts]
    assert (account in AccountRanges.parse(",".join(parts))) == any(b[0] <= account <= b[-1] for b in bounds)


@given(st.lists(PART, max_size=8))
def test_merged_intervals_are_sorted_and_disjoint(parts: list[str]) -> None:
    ranges = AccountRanges.parse(",".join(parts)).intervals
    assert all(before.stop < after.start for before, after in pairwise(ranges))
