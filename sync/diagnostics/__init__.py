"""The doctor: whether a connection can work, seen without writing anything, or by what it writes and removes."""
