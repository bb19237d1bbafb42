"""Retention: the deletion of old data, after the days that the settings say."""

from datetime import timedelta

from models import retention
from models.inbox import missed_webhooks, statistics
from models.users import password_links, sessions, sign_in, throttle
from worker.container import Container


def delete_old(container: Container) -> None:
    """Delete old data, jobs last, because audit entries about a job keep it."""
    database, settings, now = container.database, container.settings, container.clock()
    attempts_before = now - timedelta(days=settings.attempt_days)
    retention.delete_attempts(database, before=attempts_before)
    retention.delete_alerts(database, before=now - timedelta(days=settings.alert_days))
    retention.delete_audit_entries(database, before=now - timedelta(days=settings.audit_days))
    retention.delete_events(database, before=now - timedelta(days=settings.event_days))
    retention.delete_done_jobs(database, before=now - timedelta(days=settings.job_days))
    reconciliations_before = now - timedelta(days=settings.reconciliation_days)
    container.operations.delete_old(before=attempts_before, reconciliations_before=reconciliations_before)
    missed_webhooks.delete_old(database, before=attempts_before)
    statistics.delete_old(database, now=now)
    sessions.delete_ended(database, now=now)
    throttle.delete_old(database, now=now)
    password_links.delete_old(database, now=now)
    container.idempotency.delete_old(now=now)
    sign_in.delete_old_devices(database, before=now - sign_in.DEVICE_KNOWN_FOR)
