import pytest

from sync.engine.call_log import MAX_TEXT_LENGTH, record_call, recording_calls


def kept(text: str) -> str:
    with recording_calls() as calls:
        record_call("SaveCompanies", request=text.encode(), response=text)
    (call,) = calls
    assert call.request == call.response
    return call.request


@pytest.mark.parametrize(
    "number",
    [
        "01019012345",
        "010190 12345",
        "010190-12345",
        "01.01.90 123 45",
        "41019012345",
        "01419012345",
        "01819012345",
        "71129299999",
    ],
)
def test_a_national_identity_number_is_not_stored(number: str) -> None:
    assert kept(f"<Reference>{number}</Reference>") == "<Reference>***********</Reference>"


@pytest.mark.parametrize(
    "number", ["923609016", "10001000017", "99019012345", "1010190123456", "2026-03-02T09:00:00"]
)
def test_other_numbers_are_stored(number: str) -> None:
    assert kept(f"<Number>{number}</Number>") == f"<Number>{number}</Number>"


def test_a_number_cut_off_with_the_text_is_not_stored_in_part() -> None:
    assert "010190" not in kept("x" * (MAX_TEXT_LENGTH - 8) + " 01019012345 " + "y" * 100)
