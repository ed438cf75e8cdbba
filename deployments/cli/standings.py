"""Where each pipeline stands, for `status`: read from the bucket, several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.config import pipeline_names
from tasks.errors import PerennialError
from tasks.ingestion.trouble import Troubles
from tasks.promotion import trials
from tasks.reconciliation.standing import Standing, read_standing, tell_age
from tasks.records import plain
from tasks.settings import Settings
from tasks.workspace import Place, open_place

AT_ONCE = 8  # pipelines that are read at once


@dataclass(frozen=True)
class PipelineLook:
    """What is told of one pipeline, as plain values: how it stands, and what awaits a person."""

    stand: dict[str, Any]
    waiting: tuple[dict[str, Any], ...] = ()
    tried: tuple[dict[str, Any], ...] = ()
    uncollected: tuple[dict[str, Any], ...] = ()
    in_trouble: tuple[dict[str, Any], ...] = ()


def open_places(only: str | None = None) -> list[Place]:
    """Return the place of each pipeline that has a file, or of one."""
    settings = Settings.from_environment()
    names = pipeline_names(settings.pipelines) if only is None else [only]
    return [open_place(settings, name) for name in names]


def look_at_pipelines(places: list[Place]) -> list[PipelineLook]:
    """Return of each pipeline its champion, its age and live figure, and what waits.

    What cannot be read is told as such, and hides no other pipeline.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_look, places))


def _look(place: Place) -> PipelineLook:
    name = place.name
    try:
        standing, trial = read_standing(place), trials.standing(place)
    except PerennialError as error:
        return PipelineLook({"pipeline": name, "error": str(error)})
    waiting = [{"pipeline": name, "version": version} for version in standing.waiting]
    troubled = [
        {"pipeline": name, "kind": kind, **asdict(troubles)}
        for kind, troubles in standing.troubles.items()
        if troubles != Troubles(0, 0)
    ]
    tried, failing, uncollected = [], [], standing.uncollected
    if trial is not None:
        told = {"version": trial.version, "share": trial.share, "mode": trial.words}
        tried.append({"pipeline": name, **told})
    if uncollected is not None:
        failing.append({"pipeline": name, "waits": uncollected.waits, **plain(uncollected)})
    return PipelineLook(
        _describe(standing),
        waiting=tuple(waiting),
        tried=tuple(tried),
        uncollected=tuple(failing),
        in_trouble=tuple(troubled),
    )


def _describe(standing: Standing) -> dict[str, Any]:
    champion, live = standing.champion, standing.live
    return {
        "pipeline": standing.pipeline,
        "champion": None if champion is None else champion.version,
        "since": None if champion is None else champion.since.isoformat(timespec="seconds"),
        "age": "" if champion is None else tell_age(champion.since, datetime.now(UTC)),
        "live": None if live is None else live.to_dict(),
        "warnings": list(standing.warnings),
        "rows": sum(batch.rows for batch in standing.batches),
        "batches": len(standing.batches),
        "waits": list(standing.waits),
        "collected": _tell_collected(standing),
    }


def _tell_collected(standing: Standing) -> dict[str, Any] | None:
    progress = standing.collected
    if progress is None:
        return None
    looked = None if progress.looked is None else progress.looked.isoformat(timespec="seconds")
    return {"looked": looked, "objects": progress.objects, "rows": progress.rows}
