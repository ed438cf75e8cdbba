"""Suites that tests name as a pipeline's own."""
