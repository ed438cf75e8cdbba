"""The flights demonstration."""
