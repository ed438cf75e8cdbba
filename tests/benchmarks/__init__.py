"""Measured against a peer; run by `make bench`, never asserted."""
