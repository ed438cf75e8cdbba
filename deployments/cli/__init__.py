"""The console script `perennial`."""
