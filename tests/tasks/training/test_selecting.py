from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset, build_dataset
from tasks.training.selecting import select_features


def dataset(features: dict[str, Any], noise: int = 12) -> tuple[Dataset, Pipeline]:
    pipeline = Pipeline(
        name="sensors", task="binary", target="trip", event_time="at",
        features=features, training={"folds": 2},
    )  # fmt: skip
    draw = np.random.default_rng(11)
    frame = pd.DataFrame(
        draw.normal(size=(800, noise)), columns=[f"idle_{i}" for i in range(noise)]
    )
    frame["pressure"], frame["valve"] = draw.normal(size=800), draw.choice(["open", "shut"], 800)
    frame["at"] = pd.date_range("2024-01-01", periods=800, freq="17s")
    frame["trip"] = (frame.pressure + (frame.valve == "open") > 0.4).astype(int)
    return build_dataset(frame, pipeline), pipeline


def test_what_does_not_help_is_left_out_with_the_reason() -> None:
    data, pipeline = dataset({"select": "auto"})
    made = select_features(data, pipeline)
    kept = {feature.name for feature in made.schema.features}
    assert {"pressure", "valve"} <= kept
    assert len(kept) < len(data.schema.features) - 3
    gone = {feature.name for feature in data.schema.features} - kept
    assert all(made.schema.left_out[name].startswith("it does not help") for name in gone)
    assert set(made.prepared.columns) == kept
    assert len(made.prepared) == len(data.prepared)
    again = select_features(*dataset({"select": "auto"}))
    assert again.schema == made.schema


def test_without_the_key_nothing_is_left_out() -> None:
    data, pipeline = dataset({})
    assert select_features(data, pipeline) is data


def test_folds_of_one_class_say_nothing() -> None:
    data, pipeline = dataset({"select": "auto"})
    late = np.arange(len(data.y)) > data.split.training.sum() - 20
    alike = replace(data, y=np.where(late, data.y, 0))
    assert select_features(alike, pipeline) is alike
