"""The events of Perennial in Prefect, and whom they concern."""

from __future__ import annotations

OBJECT_ARRIVED = "perennial.object.arrived"


def resource(pipeline: str) -> str:
    """Return the id under which Prefect knows a pipeline.

    >>> resource("flights")
    'perennial.pipeline.flights'
    """
    return f"perennial.pipeline.{pipeline}"
