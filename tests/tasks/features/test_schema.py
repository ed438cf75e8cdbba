from __future__ import annotations

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.errors import DataError
from tasks.features.inference import infer_schema
from tasks.features.schema import FeatureSchema, origins, prepared_columns

PIPELINE = Pipeline.model_validate(
    {
        "name": "trips",
        "task": "binary",
        "target": "late",
        "event_time": "at",
        "key": ["id"],
        "features": {"exclude": ["leaked"]},
        "data": {"personal": ["passenger"]},
    }
)
COUNT = 200


def frame() -> pd.DataFrame:
    count = np.arange(COUNT)
    return pd.DataFrame(
        {
            "id": count,
            "at": pd.date_range("2024-01-01", periods=COUNT, freq="7h"),
            "late": count % 2,
            "leaked": count % 2,
            "passenger": "A",
            "_batch": "b",
            "_ingested_at": pd.Timestamp("2024-01-01"),
            "distance": count * 1.5,
            "seats": pd.Series(count % 7, dtype="Int64"),
            "price": [Decimal(i) / 4 for i in range(COUNT)],
            "weekend": count % 7 > 4,
            "maybe": [None if i % 3 else bool(i % 2) for i in range(COUNT)],
            "carrier": [["AA", "UA", None][i % 3] for i in range(COUNT)],
            "gate": [f"{i % 9:03d}" for i in range(COUNT)],
            "born": [datetime.date(1950 + i % 60, 1, 1) for i in range(COUNT)],
            "constant": 1.0,
            "one and missing": [1.0 if i % 2 else None for i in range(COUNT)],
            "empty": pd.Series([None] * COUNT, dtype=object),
            "infinite": np.inf,
            "ticket": [f"T-{i}" for i in range(COUNT)],
            "list": [[i] for i in range(COUNT)],
        }
    )


def test_every_column_is_a_feature_or_has_its_reason() -> None:
    schema = infer_schema(frame(), PIPELINE)
    assert {f.name: f.kind for f in schema.features} == {
        "at": "time",
        "born": "time",
        "carrier": "category",
        "distance": "number",
        "gate": "category",
        "maybe": "boolean",
        "one and missing": "number",
        "price": "number",
        "seats": "number",
        "weekend": "boolean",
    }
    reasons = schema.dropped
    assert reasons["late"] == "it is the target"
    assert reasons["id"] == "it is part of the key"
    assert reasons["leaked"] == "the pipeline file excludes it"
    assert reasons["passenger"] == "it is personal"
    assert reasons["constant"] == "it is constant"
    assert reasons["empty"] == "its values are of no kind a model can see (object)"
    assert reasons["infinite"] == "it has no value"
    assert "value of its own (200 of 200)" in reasons["ticket"]
    assert "no kind" in reasons["list"]
    seen = {*reasons, *(f.name for f in schema.features)}
    assert seen == set(frame().columns) - {"_batch", "_ingested_at"}
    assert schema.target == "late"


def test_what_is_personal_is_told_also_where_it_is_excluded_or_a_transform_drops_it() -> None:
    rows = frame()
    personal = {"personal": ["passenger", "id"]}
    for features in ({"exclude": ["passenger"]}, {"transform": f"{__name__}:without_passenger"}):
        changed = Pipeline.model_validate(
            {**PIPELINE.model_dump(), "data": personal, "features": features}
        )
        schema = infer_schema(rows, changed)
        assert schema.personal == {"passenger"}, "a key is kept, for labels are joined by it"
        assert schema.target == "late"


def without_passenger(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="passenger")


def test_free_text_is_a_feature_unless_the_file_says_none() -> None:
    told = [f"The {'wing' if i % 3 else 'gate'} was cold, seat {i}" for i in range(COUNT)]
    rows = frame().assign(remark=told)
    assert {f.name: f.kind for f in infer_schema(rows, PIPELINE).features}["remark"] == "text"
    features = PIPELINE.features.model_copy(update={"text": "none"})
    without = infer_schema(rows, PIPELINE.model_copy(update={"features": features}))
    assert "features.text: none" in without.dropped["remark"]
    # an identifier has no words, and stays what it was
    assert "value of its own" in without.dropped["ticket"]


def test_the_schema_does_not_depend_on_the_order_and_survives_json() -> None:
    schema = infer_schema(frame(), PIPELINE)
    assert infer_schema(frame()[list(reversed(frame().columns))], PIPELINE) == schema
    assert FeatureSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    for broken in ({}, {"features": [{"name": "a", "kind": "odd"}]}, {"features": 3}):
        with pytest.raises(DataError, match="feature schema"):
            FeatureSchema.from_dict(broken)


@pytest.mark.parametrize(
    ("freq", "parts"),
    [
        ("10min", ()),
        ("6h", ("hour", "weekday")),
        ("1D", ("weekday",)),
        ("100h", ("hour", "weekday", "month", "day_of_year")),
    ],
)
def test_a_time_is_unfolded_to_the_cycles_it_passed_twice(freq, parts) -> None:
    rows = frame().assign(at=pd.date_range("2024-01-01", periods=COUNT, freq=freq))
    schema = infer_schema(rows, PIPELINE)
    found = {f.name: f.parts for f in schema.features}
    assert found.get("at", ()) == parts
    names = prepared_columns(schema).numbers
    assert [n for n in names if origins(schema)[n] == "at"] == [f"at_{part}" for part in parts]


def test_names_that_collide_are_refused() -> None:
    rows = frame().assign(at_hour=range(COUNT))
    with pytest.raises(DataError, match="at_hour"):
        infer_schema(rows, PIPELINE)
    with pytest.raises(DataError, match="names that are text"):
        infer_schema(frame().rename(columns={"seats": 7}), PIPELINE)
    twice = pd.concat([frame(), frame()[["seats"]]], axis=1)
    with pytest.raises(DataError, match="twice"):
        infer_schema(twice, PIPELINE)


def test_no_feature_at_all_is_refused() -> None:
    rows = frame()[["late", "at", "constant"]].assign(at=pd.Timestamp("2024-01-01"))
    with pytest.raises(DataError, match="constant: it is constant"):
        infer_schema(rows, PIPELINE)


def speed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(speed=rows["distance"] / 2)


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(rank=rows["distance"].rank())


def leaking(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(same=rows["late"])


def test_the_users_function_is_applied_and_must_look_at_one_row() -> None:
    def inferred(function: str) -> FeatureSchema:
        features = PIPELINE.features.model_copy(update={"transform": f"{__name__}:{function}"})
        return infer_schema(frame(), PIPELINE.model_copy(update={"features": features}))

    assert "speed" in {f.name for f in inferred("speed").features}
    with pytest.raises(DataError, match="alone and among other rows"):
        inferred("ranked")
    with pytest.raises(DataError, match="KeyError: 'late'"):
        inferred("leaking")
