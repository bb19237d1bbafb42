import pytest

from models.connections.alert_outbox import AlertType, PendingAlert
from models.enums import EntityType
from tests.factories import NOW
from worker.handlers.mails import latest_per_subject

WORSE, REMINDER, BETTER = AlertType.NEEDS_ATTENTION, AlertType.REMINDER, AlertType.RESOLVED
PAUSED, DOWN, UP, DIGEST = AlertType.PAUSED, AlertType.OUTAGE, AlertType.RECOVERED, AlertType.DIGEST


def mailed_types(*turns: AlertType, job_id: int | None = 7, failed_job: bool = True) -> list[AlertType]:
    """Return which of these alerts about one record or one connection are mailed."""
    pending = [
        PendingAlert(
            n, 1, "Demo AS", job_id, alert_type, "", "", "", NOW, EntityType.INVOICE, NOW if failed_job else None
        )
        for n, alert_type in enumerate(turns)
    ]
    return [alert.type for alert in latest_per_subject(pending)]


@pytest.mark.parametrize("turns", [(WORSE, BETTER), (WORSE, REMINDER, BETTER), (WORSE, BETTER, WORSE, BETTER)])
def test_a_failure_that_ended_before_any_mail_is_not_mailed(turns: tuple[AlertType, ...]) -> None:
    assert mailed_types(*turns, failed_job=False) == []


def test_alerts_about_no_connection_are_all_mailed() -> None:
    alerts = [
        PendingAlert(n, None, "", None, AlertType.RECEIVER, f"Event receiver {n}", "", "", NOW) for n in range(2)
    ]
    assert latest_per_subject(alerts) == alerts


@pytest.mark.parametrize("turns", [(BETTER,), (REMINDER, BETTER), (BETTER, WORSE, BETTER)])
def test_recipients_of_a_failure_are_told_when_it_is_corrected(turns: tuple[AlertType, ...]) -> None:
    assert mailed_types(*turns, failed_job=False) == [BETTER]


@pytest.mark.parametrize(
    ("turns", "last"),
    [((WORSE, BETTER, WORSE), WORSE), ((BETTER, WORSE), WORSE), ((WORSE, REMINDER, REMINDER), REMINDER)],
)
def test_only_the_latest_alert_of_a_record_is_mailed(turns: tuple[AlertType, ...], last: AlertType) -> None:
    assert mailed_types(*turns) == [last]


@pytest.mark.parametrize("alert_type", [WORSE, REMINDER])
def test_a_job_dismissed_meanwhile_is_not_mailed(alert_type: AlertType) -> None:
    assert mailed_types(alert_type, failed_job=False) == []


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
def test_the_state_of_a_connection_is_mailed_unless_it_ended_before_any_mail(
    turns: tuple[AlertType, ...], news: list[AlertType]
) -> None:
    assert mailed_types(*turns, job_id=None) == news


def test_the_success_of_one_record_does_not_end_the_failure_of_another() -> None:
    one = PendingAlert(1, 1, "Demo AS", 7, WORSE, "", "", "", NOW, EntityType.INVOICE, NOW)
    other = PendingAlert(2, 1, "Demo AS", 8, BETTER, "", "", "", NOW, EntityType.INVOICE)
    assert latest_per_subject([one, other]) == [one, other]
