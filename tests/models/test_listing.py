"""The list against one that is made the long way round: all rows, filtered and sorted in Python."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from language.said import say
from models import inbox, listing
from models.inbox import Settlement
from models.paging import SIZE, Key
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, Scope, State
from tests.factories import NOW, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.base import Database
    from models.connections import Connections
    from models.listing import ChangeView
    from models.paging import Page

ENDS = (
    (State.SETTLED, Outcome.SYNCED, ""),
    (State.SETTLED, Outcome.SKIPPED, "not_finalized"),
    (State.STUCK, Outcome.FAILED, "account"),
    (State.WAITING, Outcome.FAILED, "unavailable"),
)
NAMES = ("Nordlys AS", "Fjord AS", "Granitt")
MANY = 2 * SIZE + 20


@pytest.fixture
def everything(database: Database, connections: Connections) -> Sequence[ChangeView]:
    """Three connections with customers and invoices in all states, some received in the same instant."""
    ids = [connections.add(name, settings(), who="test", now=NOW)[0].id for name in NAMES]
    for connection_id, kind in itertools.product(ids, (Kind.CUSTOMER, Kind.INVOICE)):
        lane, place = Lane(connection_id, kind), 7 * connection_id + len(kind)
        for n in range(MANY // 6):
            at = NOW + timedelta(seconds=(place * n) % 40)
            inbox.receive(database, connection_id, [Record(kind, str(n))], now=at)
        claim = inbox.claim(
            database, lane, most=MANY, now=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2)
        )
        assert claim
        ends = zip(claim.changes, itertools.cycle(ENDS))
        inbox.settle(database, claim, [_ended(change, *end) for change, end in ends], now=NOW)
    inbox.receive(database, ids[0], [Record(Kind.PROJECT, "1")], now=NOW)
    return listing.latest(database, Wanted(), most=1000)


def _ended(change: inbox.Change, state: State, outcome: Outcome, reason: str) -> Settlement:
    name = NAMES[int(change.record.id) % len(NAMES)]
    title = (
        say("Customer {name}", name=name) if change.record.kind is Kind.CUSTOMER else f"Invoice {change.record.id}"
    )
    return Settlement(change.id, state, due_at=NOW, outcome=outcome, reason=reason, title=title)


def walked(database: Database, wanted: Wanted) -> list[Page[ChangeView]]:
    """Go from the newest page to the oldest."""
    pages = [listing.page(database, wanted)]
    while key := pages[-1].older:
        pages.append(listing.page(database, wanted, key=Key.read(str(key))))
    return pages


def is_wanted(view: ChangeView, wanted: Wanted) -> bool:
    words = f"{view.title} {view.record.id}".lower().split()
    return (
        wanted.scope.allows(view.connection_id)
        and wanted.kind in (None, view.record.kind)
        and (not wanted.states or view.state in wanted.states)
        and (not wanted.outcomes or view.outcome in wanted.outcomes)
        and wanted.reason in ("", view.reason)
        and (view.outcome is not None or not wanted.text)
        and all(any(word.startswith(part) for word in words) for part in wanted.text.split())
    )


def every_filter(ids: Sequence[int]) -> list[Wanted]:
    scopes = (Scope(), Scope(frozenset(ids[:1])), Scope(frozenset(ids[1:])))
    states = (frozenset[State](), frozenset({State.SETTLED}), frozenset({State.STUCK}))
    texts = ("", "as", "nordlys", "invoice 1")
    some = itertools.product(scopes, (None, Kind.INVOICE), states, ("", "account"), texts)
    none = Wanted(scope=Scope(frozenset())), Wanted(text="nobody"), Wanted(states=frozenset({State.CLOSED}))
    return [*itertools.starmap(_wanted, some), Wanted(outcomes=frozenset({Outcome.SKIPPED})), *none]


def _wanted(scope: Scope, kind: Kind | None, states: frozenset[State], reason: str, text: str) -> Wanted:
    return Wanted(scope=scope, kind=kind, states=states, reason=reason, text=text)


@pytest.mark.parametrize("depth", [listing.DEPTH, 7])
def test_every_filter_finds_what_fits_it_and_nothing_else_newest_first(
    database: Database, everything: Sequence[ChangeView], monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(listing, "DEPTH", depth)
    in_order = sorted(everything, key=lambda view: (view.received_at, view.id), reverse=True)
    for wanted in every_filter(sorted({view.connection_id for view in everything})):
        found = [view.id for page in walked(database, wanted) for view in page.lines]
        assert found == [view.id for view in in_order if is_wanted(view, wanted)], wanted


def test_pages_lead_both_ways(database: Database, everything: Sequence[ChangeView]) -> None:
    first, second, last = walked(database, Wanted())
    assert [len(page.lines) for page in (first, second, last)] == [SIZE, SIZE, len(everything) - 2 * SIZE]
    assert (first.newer, last.older) == (None, None)
    assert last.newer
    back = listing.page(database, Wanted(), key=last.newer)
    assert [view.id for view in back.lines] == [view.id for view in second.lines]
    assert back.newer
    assert listing.page(database, Wanted(), key=back.newer) == first


def test_what_comes_in_meanwhile_moves_no_line_to_another_page(
    database: Database, everything: Sequence[ChangeView]
) -> None:
    first, second, _ = walked(database, Wanted())
    inbox.receive(database, everything[0].connection_id, [Record(Kind.PROJECT, "2")], now=NOW + timedelta(days=1))
    assert first.older
    assert listing.page(database, Wanted(), key=first.older).lines == second.lines


@pytest.mark.parametrize("text", ["", "o1", "x1-1", "o1-1-1", "o-1-1", f"o{10**20}-1", "o1-\N{SUPERSCRIPT TWO}"])
def test_an_address_that_names_no_place_shows_the_first_page(text: str) -> None:
    assert Key.read(text) is None
