"""Going live: initial matching, backfill and their previews."""
