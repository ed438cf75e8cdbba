"""Prefect flows: each sequences tasks and decides nothing."""
