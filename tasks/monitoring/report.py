"""Write the page about a batch that drifted: Evidently's, with the exact figures beside it."""

from __future__ import annotations

from tasks.data.standing import scan_standing
from tasks.drift.report import SAMPLE, draw_report
from tasks.features.prepare import prepared_columns
from tasks.features.terms import count_words
from tasks.labels.known import with_known
from tasks.monitoring.record import RecordedDecision, observation_keys
from tasks.promotion.model_version import ModelVersion
from tasks.workspace import Workspace


def write_drift_page(
    workspace: Workspace, champion: ModelVersion | None, decided: RecordedDecision
) -> str | None:
    """Write the page where anything drifted, and return its key."""
    import polars as pl

    seen = decided.seen
    drift = None if seen is None else seen.observation.drift
    if champion is None or seen is None or drift is None or not drift.anything:
        return None
    lineage = champion.manifest.lineage
    pipeline = workspace.pipeline
    rows = scan_standing(
        workspace.curated, pipeline.key, version=lineage.data.version, without=lineage.without
    ).sort(pipeline.time_column)
    # of the rows it was fitted on, at most SAMPLE, evenly taken
    every = max(lineage.rows // SAMPLE, 1)
    taken = rows.filter(pl.int_range(pl.len()) % every == 0).head(SAMPLE).collect()
    columns = prepared_columns(champion.schema)
    frame = taken.to_arrow().to_pandas(date_as_object=False)
    prepared = champion.prepare(with_known(frame, workspace, pipeline, champion.schema.history))
    page = draw_report(count_words(prepared, columns), seen.sample, drift, columns.watched)
    key = observation_keys(workspace, decided.arrival.batch, seen.observation.version)["html"]
    workspace.bucket.put(key, page, content_type="text/html; charset=utf-8")
    return key
