"""Event receivers: other programs that get events of the integration, by the Standard Webhooks specification."""
