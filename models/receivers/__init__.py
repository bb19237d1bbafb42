"""Event receivers: programs of others that are told what happens here, by the Standard Webhooks specification."""
