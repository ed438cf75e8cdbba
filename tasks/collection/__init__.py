"""Collecting: rows are fetched from where they are, and land in `incoming/` like any other."""
