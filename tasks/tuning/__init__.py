"""The search for a setting, and the choice among what was tried."""
