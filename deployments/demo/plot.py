"""The picture of the year: live against static quality, with the retrainings marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployments.demo.year import Month
from deployments.session import Session
from tasks.store.layout import Layout
from tasks.tracking.plots import BLUE, GREY, ORANGE, canvas, png


def draw_year(metric: str, months: Sequence[Month]) -> bytes:
    """Return the picture as PNG; a line stands between two months with different models."""
    figure, axes = canvas("Quality over time", "", metric)
    places = range(len(months))
    axes.plot(places, [m.live for m in months], marker="o", ms=4, color=BLUE, label="live")
    static = [m.static for m in months]
    axes.plot(places, static, marker="o", ms=4, color=GREY, label="never retrained")
    axes.set_xticks(places, [month.name[:3] for month in months])
    if retrained := [place + 0.5 for place in places if months[place].retrained]:
        whole = axes.get_xaxis_transform()
        axes.vlines(retrained, 0, 1, ls=":", lw=1, color=ORANGE, label="retrained", transform=whole)
    axes.legend(frameon=False)
    return png(figure)


def keep_plot(session: Session, months: Sequence[Month]) -> Path:
    """Draw the year, keep the picture in the bucket and beside the state, and return its path."""
    image = draw_year(session.pipeline.metric, months)
    key = Layout(session.pipeline.name).report("demo", "2013.png")
    session.bucket.put(key, image, content_type="image/png")
    path = session.settings.home / "demo-2013.png"
    path.write_bytes(image)
    return path
