"""Tests for :mod:`sync.engine.client_identity`."""

import pytest

from sync.engine.client_identity import choose_identity
from sync.errors import MisconfiguredError
from sync.records import Identity

OURS, OTHER, BLOCKED = (
    Identity("A1", "Demo AS"),
    Identity("B2", "Fjord AS"),
    Identity("C3", "Gammel AS", usable=False),
)


@pytest.mark.parametrize(
    ("identities", "chosen", "found"),
    [([OURS, BLOCKED], "", OURS), ([OURS, OTHER, BLOCKED], "b2", OTHER), ([OURS], "A1", OURS)],
)
def test_the_chosen_client_is_found_or_the_only_one_there_is(
    identities: list[Identity], chosen: str, found: Identity
) -> None:
    assert choose_identity(identities, chosen) == found


@pytest.mark.parametrize(
    ("identities", "chosen", "error_code", "part"),
    [
        ([OURS, OTHER], "", "identity", "has access to 2 clients"),
        ([OURS, OTHER, BLOCKED], "d4", "identity", "Available clients in 24SevenOffice: 2."),
        ([OURS, BLOCKED], "c3", "identity_blocked", "blocked"),
        ([BLOCKED], "", "identity_blocked", "no access to any usable client"),
        ([], "a1", "login_refused", "rejected the user name or password."),
    ],
)
def test_an_ambiguous_client_is_refused_and_no_other_is_named(
    identities: list[Identity], chosen: str, error_code: str, part: str
) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        choose_identity(identities, chosen)
    assert (refused.value.error_code, part in refused.value.message) == (error_code, True)
    assert not [each.client for each in identities if each.client in refused.value.message + refused.value.remedy]
