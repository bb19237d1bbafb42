"""The checks of the diagnostics, by what they read. None of them writes anything."""
