"""Whether the books agree: what Moment has against what the ledger has, without writing anything."""
