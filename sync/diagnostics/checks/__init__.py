"""The checks of the diagnostics, by what they look at. None of them writes anything."""
