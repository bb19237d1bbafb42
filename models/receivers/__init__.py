"""Event receivers: other programs that get the integration's events, by the Standard Webhooks specification."""
