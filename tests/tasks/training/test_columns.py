from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.features.prepare import prepare, prepared_columns
from tasks.features.schema import IS_TARGET, Feature, FeatureSchema
from tasks.models.encoders import Encoders
from tasks.models.families import FAMILIES
from tasks.training.columns import tell_columns

SCHEMA = FeatureSchema(
    (
        Feature("account", "number"),
        Feature("amount", "number"),
        Feature("branch", "category"),
        Feature("memo", "text"),
        Feature("paid", "time", ("weekday",)),
        Feature("town", "category"),
    ),
    {"iban": "nearly every row has a value of its own (500 of 500)", "fraud": IS_TARGET},
)


def rows() -> pd.DataFrame:
    draw = np.random.default_rng(6)
    branch = draw.choice(["north", "south"], 500).astype(object)
    branch[:2] = "lost", "gone"
    return pd.DataFrame(
        {
            "account": 4_000_000_000 + np.arange(500),
            "amount": np.where(draw.random(500) < 0.2, np.nan, draw.normal(size=500)),
            "branch": branch,
            "memo": [f"rent for month {i % 12} thanks" for i in range(500)],
            "paid": pd.date_range("2024-01-01", periods=500, freq="D"),
            "town": [f"town {i % 40}" for i in range(500)],
        }
    )


@pytest.mark.parametrize("family", ["linear", "extra_trees"])
def test_every_column_is_told(family: str) -> None:
    frame = rows()
    # so that a level of one row is rare: fewer than one in a thousand
    frame = pd.concat([frame, *[frame.iloc[2:]] * 4], ignore_index=True)
    prepared = prepare(frame, SCHEMA)
    y = (frame["town"].str.len() + np.arange(len(frame)) % 2 > 7).to_numpy(int)
    model = FAMILIES[family].build({}, prepared_columns(SCHEMA), "binary", 7).fit(prepared, y)
    told = dict(tell_columns(frame, SCHEMA, Encoders.of(model).blocks))
    assert [*told] == ["account", "amount", "branch", "memo", "paid", "town", "iban"]
    assert "of its 500 distinct numbers are not told apart" in told["account"]
    assert "distinct" not in told["amount"]
    assert "missing in 2" in told["amount"]
    assert ("a flag says" in told["amount"]) == (family == "linear")
    assert ("4 levels, a column each, the 2 rare ones together" in told["branch"]) == (
        family == "linear"
    )
    assert "40 levels, each as the mean of the target" in told["town"]
    assert told["memo"].startswith("free text, read word by word; 16 words known")
    assert told["paid"].startswith("a time, unfolded to paid_weekday")
    assert told["iban"] == "left out: nearly every row has a value of its own (500 of 500)"
