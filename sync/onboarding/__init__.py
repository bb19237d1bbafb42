"""Onboarding: initial matching, backfill and their previews."""
