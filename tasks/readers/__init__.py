"""Readers of source formats: what a file holds, as typed rows in bounded memory."""
