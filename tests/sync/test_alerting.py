from __future__ import annotations

import pytest

from models.alerts import Turn, Unsent
from models.words import Kind
from sync.alerting import still_news
from tests.factories import NOW

WORSE, REMINDER, BETTER = Turn.WORSE, Turn.REMINDER, Turn.BETTER
PAUSED, DOWN, UP, DIGEST = Turn.PAUSED, Turn.DOWN, Turn.UP, Turn.DIGEST


def told(*turns: Turn, change_id: int | None = 7, stuck: bool = True) -> list[Turn]:
    """Tell which of these turns of one record, or of one connection, are still news."""
    waiting = [
        Unsent(n, 1, "Demo AS", change_id, turn, "", "", "", NOW, Kind.INVOICE, NOW if stuck else None)
        for n, turn in enumerate(turns)
    ]
    return [alert.turn for alert in still_news(waiting)]


@pytest.mark.parametrize("turns", [(WORSE, BETTER), (WORSE, REMINDER, BETTER), (WORSE, BETTER, WORSE, BETTER)])
def test_a_failure_that_mended_itself_before_anybody_heard_of_it_is_not_told(turns: tuple[Turn, ...]) -> None:
    assert told(*turns, stuck=False) == []


@pytest.mark.parametrize("turns", [(BETTER,), (REMINDER, BETTER), (BETTER, WORSE, BETTER)])
def test_who_has_heard_of_a_failure_hears_that_it_is_mended(turns: tuple[Turn, ...]) -> None:
    assert told(*turns, stuck=False) == [BETTER]


@pytest.mark.parametrize(
    ("turns", "last"),
    [((WORSE, BETTER, WORSE), WORSE), ((BETTER, WORSE), WORSE), ((WORSE, REMINDER, REMINDER), REMINDER)],
)
def test_of_one_record_only_the_latest_is_told(turns: tuple[Turn, ...], last: Turn) -> None:
    assert told(*turns) == [last]


@pytest.mark.parametrize("turn", [WORSE, REMINDER])
def test_what_a_person_has_closed_meanwhile_is_not_told(turn: Turn) -> None:
    assert told(turn, stuck=False) == []


@pytest.mark.parametrize(
    ("turns", "news"),
    [
        ((DOWN,), [DOWN]),
        ((DOWN, UP), []),
        ((UP, DOWN), [DOWN]),
        ((UP, DOWN, UP), [UP]),
        ((PAUSED,), [PAUSED]),
        ((PAUSED, UP), []),
        ((PAUSED, DOWN), [DOWN]),
        ((PAUSED, DIGEST), [PAUSED, DIGEST]),
    ],
)
def test_of_a_connection_is_told_how_it_stands_unless_that_passed_unheard(
    turns: tuple[Turn, ...], news: list[Turn]
) -> None:
    assert told(*turns, change_id=None) == news


def test_what_goes_well_with_one_record_says_nothing_of_another() -> None:
    one = Unsent(1, 1, "Demo AS", 7, WORSE, "", "", "", NOW, Kind.INVOICE, NOW)
    other = Unsent(2, 1, "Demo AS", 8, BETTER, "", "", "", NOW, Kind.INVOICE)
    assert still_news([one, other]) == [one, other]
