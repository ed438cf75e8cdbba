"""A champion that scores, made without the training flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.config import Pipeline
from tasks.data.curated import curated
from tasks.dataset.dataset import encode, naive_figures
from tasks.features.inference import infer_request, infer_schema
from tasks.features.prepare import prepare, prepared_columns
from tasks.features.schema import FeatureSchema
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.model import Model
from tasks.models.runtime import OnnxModel
from tasks.promotion import pointer
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.manifest import MODEL, Manifest
from tasks.promotion.pointer import Champion
from tasks.promotion.versions import manifest_of, publish
from tasks.settings import Settings
from tasks.store.bucket import Bucket
from tasks.store.connect import open_bucket
from tasks.workspace import Place
from tests.lineage import LINEAGE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOOSTED = {"n_estimators": 200, "num_leaves": 31}
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Served:
    """A model in service: its schema, and the scikit-learn pipeline it was exported from."""

    version: int
    schema: FeatureSchema
    model: Model

    def answers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return what scikit-learn answers to raw rows."""
        return self.model.answers(prepare(frame, self.schema))


def served(
    settings: Settings,
    bucket: Bucket,
    pipeline: Pipeline,
    rows: pa.Table,
    *,
    params: Params = BOOSTED,
    family: str = "lightgbm",
) -> Served:
    """Fit a model on labelled rows, and put it in service; the rows become the curated table."""
    curated(open_bucket(settings), pipeline.name).append(rows, f"rows of {family}", {})
    frame = rows.to_pandas(date_as_object=False)
    schema = infer_schema(frame, pipeline)
    columns, key = prepared_columns(schema), f"{family} {sorted(params.items())}"
    classes = _classes(frame[pipeline.target], pipeline)
    model = FAMILIES[family].build({}, columns, pipeline.task, 7)
    model.params = {**model.params, **params}
    model.fit(prepare(frame, schema), encode(frame[pipeline.target], classes))
    exported = to_onnx(model, columns, pipeline.task)

    def build(version: int) -> tuple[Manifest, dict[str, bytes]]:
        manifest = _manifest(pipeline, frame, schema, classes, exported)
        return replace(manifest, version=version, training_key=key), {MODEL: exported}

    version = publish(Place(bucket, pipeline.name, settings.keyring), key, build)
    put_in_service(settings, bucket, pipeline, version)
    return Served(version, schema, model)


def _classes(target: pd.Series[Any], pipeline: Pipeline) -> tuple[Any, ...]:
    return () if pipeline.task == "regression" else tuple(np.unique(target).tolist())


def _manifest(
    pipeline: Pipeline,
    frame: pd.DataFrame,
    schema: FeatureSchema,
    classes: tuple[Any, ...],
    exported: bytes,
) -> Manifest:
    seen = prepare(frame.head(20), schema)
    lineage = replace(
        LINEAGE,
        fitted_until=frame[pipeline.event_time].max().tz_localize(None).isoformat(),
        naive=naive_figures(encode(frame[pipeline.target], classes), len(classes)),
        request=infer_request(frame, schema, pipeline),
    )
    return Manifest(
        pipeline=pipeline.name,
        version=0,
        schema=schema.to_dict(),
        task=pipeline.task,
        classes=classes,
        golden=Golden.of(seen, OnnxModel(exported).predict(seen)),
        metrics={},
        data_version=1,
        window={"start": None, "end": None},
        run="",
        training_key="",
        verdict=Verdict(True, ()),
        created=NOW,
        lineage=lineage,
    )


def put_in_service(settings: Settings, bucket: Bucket, pipeline: Pipeline, version: int) -> None:
    """Let the pointer name this version."""
    place = Place(bucket, pipeline.name, settings.keyring)
    manifest, found = manifest_of(place, version), pointer.read(place)
    champion = Champion(version, manifest.digest, NOW, "test", "", attempt=f"{version}")
    pointer.swap(place, champion, None if found is None else found[1])
