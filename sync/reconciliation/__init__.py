"""Reconciliation: whether Moment and the ledger agree, without writing anything."""
