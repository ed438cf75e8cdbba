"""Decisions, and the thin actions beside them."""
