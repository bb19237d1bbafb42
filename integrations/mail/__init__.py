"""The mails that the integration sends: alerts, and links to choose a password."""
