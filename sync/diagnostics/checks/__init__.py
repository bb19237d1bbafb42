"""The checks of the diagnostics, by subject. None of them writes anything."""
