"""Which deployment runs a flow for a pipeline. Pure."""

from __future__ import annotations

EVERY_PIPELINE = "all"
# What has neither a schedule nor a limit of runs at once is one deployment for every pipeline: a
# deployment costs the server (3.8) 25 ms when it is made, and a line of its page ever after.
SHARED = ("ingest", "label", "score", "backtest")


def deployment_of(flow: str, pipeline: str) -> str:
    """Return the name, as Prefect writes it, of the deployment that runs `flow` for a pipeline.

    >>> deployment_of("train", "flights"), deployment_of("ingest", "flights")
    ('train/flights', 'ingest/all')
    """
    return f"{flow}/{EVERY_PIPELINE if flow in SHARED else pipeline}"
