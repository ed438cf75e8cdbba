"""Drafting a pipeline file and a suite from what a data file holds."""
