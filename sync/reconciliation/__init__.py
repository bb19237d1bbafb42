"""Reconciliation: the comparison of Moment with the ledger, which writes nothing."""
