"""Quality over time as a PNG. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.tracking.plots import BLUE, GREY, ORANGE, canvas, floats, png


def timeline(
    metric: str,
    times: Sequence[str],
    courses: Mapping[str, Sequence[float | None]],
    retrained: Sequence[int],
) -> bytes:
    """Draw each course over the times; where the first one's model was retrained is marked.

    `courses` maps a label to a value a time; `retrained` holds places of `times`, after which
    another model was in service.
    """
    figure, axes = canvas("Quality over time", "", metric)
    for colour, (label, values) in zip((BLUE, GREY, ORANGE), courses.items(), strict=False):
        axes.plot(range(len(times)), floats(values), marker="o", ms=4, color=colour, label=label)
    for place in retrained:
        marked = "retrained" if place == retrained[0] else ""
        axes.axvline(place + 0.5, ls=":", lw=1, color=ORANGE, label=marked or None)
    axes.set_xticks(range(len(times)), list(times))
    axes.legend(frameon=False)
    return png(figure)
