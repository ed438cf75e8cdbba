"""Write the page about a batch that drifted: Evidently's, with the exact figures beside it."""

from __future__ import annotations

import pandas as pd

from tasks.drift.report import draw_report
from tasks.features.prepare import prepared_columns
from tasks.monitoring.observe import SAMPLE
from tasks.monitoring.record import RecordedDecision, observation_keys
from tasks.monitoring.watch import Watch


def write_drift_page(watch: Watch, decided: RecordedDecision) -> str | None:
    """Write the page where anything drifted, and return its key."""
    seen = decided.seen
    if seen is None or seen.drift is None or not seen.drift.anything:
        return None
    assert watch.scorer is not None
    reference = _reference(watch)
    columns = prepared_columns(watch.scorer.schema)
    page = draw_report(reference, seen.sample, seen.drift, columns)
    key = observation_keys(watch, decided.arrival.batch)["html"]
    watch.bucket.put(key, page, content_type="text/html; charset=utf-8")
    return key


def _reference(watch: Watch) -> pd.DataFrame:
    """Return at most `SAMPLE` rows that the champion was fitted on, evenly taken, prepared."""
    import polars as pl

    assert watch.scorer is not None
    manifest, event_time = watch.scorer.manifest, watch.pipeline.event_time
    ref = manifest.lineage.data
    rows = watch.table.scan(ref.version).sort(event_time)
    every = max(manifest.lineage.rows // SAMPLE, 1)
    found = rows.filter(pl.int_range(pl.len()) % every == 0).head(SAMPLE).collect()
    return watch.scorer.prepare(found.to_arrow().to_pandas(date_as_object=False))
