"""Score one object of the bucket in bounded memory, every row of it, in its order."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import Pipeline
from tasks.data.curated import columns_of, curated
from tasks.errors import DataError, Refused
from tasks.faults import external_write
from tasks.features.prepare import load_transform, prepare
from tasks.features.schema import FeatureSchema
from tasks.ledger.ledger import ledger_of
from tasks.models.runtime import OnnxModel
from tasks.promotion import pointer
from tasks.promotion.manifest import MODEL, Manifest
from tasks.promotion.versions import load
from tasks.scoring.judgement import Labelled, entry_of, judged
from tasks.settings import Settings
from tasks.store.base import Store
from tasks.store.layout import Layout
from tasks.validation.sniff import open_source
from tasks.validation.source import BadBatch, Source


@dataclass(frozen=True)
class Scorer:
    """The champion as it scores: its manifest, its model and its way to prepare rows."""

    manifest: Manifest
    model: OnnxModel
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def schema(self) -> FeatureSchema:
        """The features it was trained on."""
        return FeatureSchema.from_dict(self.manifest.schema)

    def prepare(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what the model sees of these rows."""
        transform = load_transform(self.manifest.lineage.get("transform"))
        return prepare(frame, self.schema, transform)

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Return (n, classes) probabilities or (n,) values."""
        return np.asarray(self.model.predict(self.prepare(frame)))


def score(
    settings: Settings, store: Store, pipeline: Pipeline, source: str, output: str | None = None
) -> dict[str, Any]:
    """Score the object `source` into the Parquet object `output`; same rows, same order.

    Where rows have the target, the model is judged on them and that is recorded in the ledger.

    Raises:
        Refused: there is no champion yet.
        DataError: the object cannot be read, lacks a feature, or a value does not fit.
        IntegrityError: the champion's files do not hold.
    """
    scorer = champion_of(settings, store, pipeline)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "source"
        info = store.download(source, path)
        digest = _digest(path, scorer.manifest)
        target = output or Layout(pipeline.name).scored(digest)
        schema = columns_of(curated(settings, pipeline.name))
        scored = Path(scratch) / "predictions.parquet"
        try:
            opened = open_source(path, source, int(pipeline.data.max_batch_gib * 2**30))
            labelled, rows = _write(scorer, pipeline, opened, schema, scored)
        except BadBatch as bad:
            remedy = "Send the file as it was sent for training."
            raise DataError(source, "the file can be read", bad, remedy) from bad
        with external_write("score.output"):
            store.upload(scored, target, content_type="application/vnd.apache.parquet")
    evaluation = judged(pipeline, scorer.manifest, labelled)
    outcome = {
        "pipeline": pipeline.name,
        "version": scorer.manifest.version,
        "object": source,
        "bytes": info.size,
        "rows": rows,
        "labelled": len(labelled.y),
        "output": target,
        "metric": pipeline.metric,
        **evaluation,
    }
    if evaluation:
        ledger_of(settings, pipeline.name).append(entry_of(pipeline, digest, outcome))
    return outcome


def champion_of(settings: Settings, store: Store, pipeline: Pipeline) -> Scorer:
    """Load the champion, every check made.

    Raises:
        Refused: there is none.
        IntegrityError: its files do not hold.
    """
    found = pointer.read(store, pipeline.name)
    if found is None:
        remedy = f"Train one: `perennial train {pipeline.name}`."
        raise Refused(f"pipeline {pipeline.name}", "a champion is in service", "none", remedy)
    champion = found[0]
    manifest, files = load(
        store, pipeline.name, champion.version, settings.signing_key, champion.digest
    )
    return Scorer(manifest, OnnxModel(files[MODEL]), files)


def _write(
    scorer: Scorer, pipeline: Pipeline, source: Source, schema: pa.Schema | None, path: Path
) -> tuple[Labelled, int]:
    """Score piece by piece; return the labelled part and the count of rows."""
    assert schema is not None, "a champion was trained on a curated table"
    refuse_missing(scorer, pipeline, source.names())
    rows, labelled = 0, Labelled.empty(scorer.manifest, pipeline)
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables(source, schema):
            frame = table.to_pandas(date_as_object=False)
            predictions = scorer.predict(frame)
            made = _predictions(scorer.manifest, pipeline, table, predictions)
            writer = writer or pq.ParquetWriter(path, made.schema, compression="zstd")
            writer.write_table(made)
            labelled = labelled.plus(frame, predictions)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    if not rows:
        raise DataError("source", "it holds rows", "none")
    return labelled, rows


def tables(source: Source, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield a file's rows in the curated table's types.

    Raises:
        DataError: a value does not read as its column's type.
    """
    before = 0
    for piece in source.pieces(schema):
        if piece.bad:
            column, places = next(iter(piece.bad.items()))
            rule = f"every value of {column} reads as {schema.field(column).type}"
            came = f"another in row {before + int(places[0]) + 1:,}"
            raise DataError("source", rule, came, "Mend the file; nothing was scored.")
        before += piece.table.num_rows
        yield piece.table


def refuse_missing(scorer: Scorer, pipeline: Pipeline, names: tuple[str, ...]) -> None:
    """Make sure that a file with these columns has every feature.

    Raises:
        DataError: one is absent, and no transform could make it.
    """
    if pipeline.features.transform:
        return
    absent = [feature.name for feature in scorer.schema.features if feature.name not in names]
    if absent:
        rule = "every feature of the champion is a column"
        raise DataError("source", rule, f"no {', '.join(absent)}", "Add the columns.")


def _predictions(
    manifest: Manifest, pipeline: Pipeline, table: pa.Table, predictions: np.ndarray[Any, Any]
) -> pa.Table:
    kept = [*pipeline.key, pipeline.event_time]
    columns = {name: table[name] for name in kept if name in table.column_names}
    if manifest.classes:
        labels = np.array(manifest.classes)[predictions.argmax(axis=1)]
        columns["prediction"] = pa.array(labels.tolist())
        for place, label in enumerate(manifest.classes):
            columns[f"probability_{label}"] = pa.array(predictions[:, place])
    else:
        columns["prediction"] = pa.array(predictions)
    columns["model_version"] = pa.array(np.full(table.num_rows, manifest.version))
    return pa.table(columns)


def _digest(path: Path, manifest: Manifest) -> str:
    """Name a scoring by the bytes that were scored and the model that scored them."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{content} {manifest.digest}".encode()).hexdigest()
