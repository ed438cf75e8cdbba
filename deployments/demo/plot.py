"""The picture of the year: live against static quality, with the retrainings marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployments.demo.year import Month
from deployments.session import Session
from tasks.store.layout import Layout
from tasks.tracking.timeline import timeline


def keep_plot(session: Session, months: Sequence[Month]) -> Path:
    """Draw the year, keep the picture in the bucket and beside the state, and return its path."""
    image = timeline(
        session.pipeline.metric,
        [month.name[:3] for month in months],
        {"live": [m.live for m in months], "never retrained": [m.static for m in months]},
        [place for place, month in enumerate(months) if month.retrained],
    )
    key = Layout(session.pipeline.name).report("demo", "2013.png")
    session.bucket.put(key, image, content_type="image/png")
    path = session.settings.home / "demo-2013.png"
    path.write_bytes(image)
    return path
