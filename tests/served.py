"""A pipeline's models in a bucket, without the training around them; what serving tests need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from deployments.serving.application import Application
from deployments.serving.predicting import Predicting
from deployments.serving.response import Header, Response
from tasks.config import Pipeline
from tasks.features.inference import infer_request, infer_schema
from tasks.features.prepare import prepare, prepared_columns
from tasks.features.schema import FeatureSchema
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.keeping import keep
from tasks.models.model import Model
from tasks.models.runtime import OnnxModel
from tasks.models.setting import Setting
from tasks.promotion import pointer, trials
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.manifest import Manifest
from tasks.promotion.pointer import Champion, succeed
from tasks.promotion.rule import Outcome
from tasks.promotion.trial import Trial
from tasks.promotion.versions import publish
from tasks.serving.fleet import Fleet
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.workspace import Place
from tests.lineage import LINEAGE

NUMBERS = 14
TASKS: Mapping[str, str] = {"binary": "late", "multiclass": "colour_sold", "regression": "delay"}
PASSED = Verdict(True, (Outcome("enough rows", True, "2,000 rows", "enough"),))


@dataclass(frozen=True)
class Fitted:
    """A fitted model, its rows as they came, and what a version of it holds."""

    pipeline: Pipeline
    frame: pd.DataFrame
    schema: FeatureSchema
    model: Model
    family: str
    files: Mapping[str, bytes]

    @property
    def prepared(self) -> pd.DataFrame:
        return prepare(self.frame, self.schema)

    def rows(self, count: int) -> list[dict[str, Any]]:
        """Return rows as a client sends them, missing values as null."""
        kept = self.frame.drop(columns=[self.pipeline.target]).head(count)
        texts = kept.assign(at=kept["at"].map(lambda at: at.isoformat())).astype(object)
        return [dict(row) for row in texts.where(kept.notna(), None).to_dict("records")]  # type: ignore[arg-type]


def raw_rows(count: int = 2000, seed: int = 3) -> pd.DataFrame:
    """Return rows of 20 columns beside the targets: numbers, categories, a flag, a time, an id."""
    draw = np.random.default_rng(seed)
    numbers = {f"n{place}": draw.normal(size=count).round(4) for place in range(NUMBERS)}
    numbers["n1"] = np.where(draw.random(count) < 0.1, np.nan, numbers["n1"])
    frame = pd.DataFrame(
        {
            "id": np.arange(count),
            "at": pd.date_range("2024-01-01", periods=count, freq="37min"),
            **numbers,
            "carrier": draw.choice(["AA", "BB", "CC", None], count, p=[0.4, 0.3, 0.25, 0.05]),
            "origin": draw.choice(["EWR", "JFK", "LGA"], count),
            "weekend": draw.random(count) < 0.3,
        }
    )
    lean = numbers["n0"] + (frame["carrier"] == "AA") + 0.5 * frame["weekend"]
    frame["delay"] = (10 * lean + draw.normal(size=count)).round(3)
    frame["late"] = (lean + draw.normal(size=count) > 0.7).astype(int)
    frame["colour_sold"] = np.array(["red", "green", "blue"])[
        np.digitize(lean + draw.normal(size=count), [0.0, 1.2])
    ]
    return frame


@cache
def fitted(
    task: str = "binary",
    family: str = "lightgbm",
    trees: int = 200,
    exclude: tuple[str, ...] = (),
) -> Fitted:
    """Fit a model of this task on the raw rows."""
    target = TASKS[task]
    pipeline = Pipeline(
        name="flights",
        task=task,
        target=target,
        event_time="at",
        key=["id"],
        features={"exclude": exclude},
    )
    others = [name for name in TASKS.values() if name != target]
    frame = raw_rows().drop(columns=others)
    schema = infer_schema(frame, pipeline)
    columns = prepared_columns(schema)
    params = {"n_estimators": trees} if family == "lightgbm" else {}
    labels = frame[target].to_numpy()
    y = labels if task == "regression" else np.unique(labels, return_inverse=True)[1]
    model = FAMILIES[family].build(params, columns, task, 7).fit(prepare(frame, schema), y)
    files = {"model.onnx": to_onnx(model, columns, task), **keep(model)}
    return Fitted(pipeline, frame, schema, model, family, files)


def manifest_of(made: Fitted, pipeline: str, version: int, key: str) -> Manifest:
    """Return the manifest of a version of a fitted model."""
    target = made.pipeline.target
    golden = made.prepared.head(20)
    classes = () if made.pipeline.task == "regression" else tuple(sorted(set(made.frame[target])))
    return Manifest(
        pipeline=pipeline,
        version=version,
        schema=made.schema.to_dict(),
        task=made.pipeline.task,
        classes=classes,
        golden=Golden.of(golden, np.asarray(OnnxModel(made.files["model.onnx"]).predict(golden))),
        metrics={"roc_auc": {"value": 0.8, "low": 0.78, "high": 0.82}},
        data_version=1,
        window={"start": "2024-01-01", "end": "2024-02-01"},
        run="",
        training_key=key,
        verdict=PASSED,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        lineage=replace(
            LINEAGE,
            setting=Setting(made.family, {}),
            rows=len(made.frame),
            request=infer_request(made.frame, made.schema, made.pipeline),
        ),
    )


def put_version(
    bucket: Bucket,
    keyring: Keyring,
    made: Fitted,
    pipeline: str,
    key: str,
    needs: str = "",
    *,
    log_predictions: bool | None = True,
) -> Manifest:
    """Publish a version, once for a key; it may refuse rows that lack what it `needs`."""

    def build(version: int) -> tuple[Manifest, Mapping[str, bytes]]:
        manifest = manifest_of(made, pipeline, version, key)
        request = infer_request(made.frame, made.schema, made.pipeline)
        fields = tuple(
            replace(one, missing=one.missing and one.name != needs) for one in request.fields
        )
        told = {"request": replace(request, fields=fields), "log_predictions": log_predictions}
        lineage = replace(manifest.lineage, **told)
        return replace(manifest, lineage=lineage), made.files

    version = publish(Place(bucket, pipeline, keyring), key, build)
    from tasks.promotion.versions import manifest_of as stored

    return stored(Place(bucket, pipeline, keyring), version)


def put_on_trial(bucket: Bucket, keyring: Keyring, manifest: Manifest, share: float) -> Trial:
    """Try a version beside the champion, whatever it holds."""
    place = Place(bucket, manifest.pipeline, keyring)
    found, before = pointer.read(place), trials.read(place)
    assert found is not None
    champion, now = found[0], datetime.now(UTC)
    trial = Trial(
        version=manifest.version,
        digest=manifest.digest,
        beside=champion.digest,
        champion=champion.version,
        share=share,
        since=now,
        by="test",
        why="",
        max_error_rate=0.01,
        max_drop=0.02,
        attempt=now.isoformat(),
    )
    trials.swap(place, trial, None if before is None else before[1])
    return trial


def put_in_service(bucket: Bucket, keyring: Keyring, manifest: Manifest) -> None:
    """Move the champion pointer to a version, whatever it holds."""
    place = Place(bucket, manifest.pipeline, keyring)
    found = pointer.read(place)
    current, etag = found or (None, None)
    now = datetime.now(UTC)
    champion = Champion(manifest.version, manifest.digest, now, "test", "", attempt=now.isoformat())
    pointer.swap(place, succeed(current, champion), etag)


def champion(bucket: Bucket, keyring: Keyring, pipeline: str = "flights", **how: Any) -> Fitted:
    """Put a fitted model in service as version 1."""
    made = fitted(**how)
    put_in_service(bucket, keyring, put_version(bucket, keyring, made, pipeline, "first"))
    return made


def unlogged(fleet: Fleet) -> Predicting:
    """Return what answers requests with what is in service, and keeps nothing of it."""
    return Predicting(fleet, lambda *_: None, lambda *_: None)


def ask(application: Application, path: str, document: object) -> tuple[Response, list[Header]]:
    """Return what is answered at once to a POST, without a socket, and its headers."""
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    answered = application.at_once(scope, json.dumps(document).encode())
    assert answered is not None
    return answered
