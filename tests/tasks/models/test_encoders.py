"""What is kept of the encoders makes of every column what scikit-learn's own make of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tasks.features.preprocessing import distance_encoders
from tasks.features.schema import Columns
from tasks.models.encoders import Block, read_blocks
from tests.tasks.models.conftest import TASKS

COLUMNS = Columns(("amount",), ("rare levels", "no rare level", "many"))


@pytest.mark.parametrize("task", TASKS)
def test_rare_and_unknown_levels_share_a_column(task: str) -> None:
    count = 4000
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "amount": np.where(np.arange(count) % 7, draw.normal(size=count), np.nan),
            "rare levels": draw.choice(["b", "d", "f"], count),
            "no rare level": draw.choice(["x", "y"], count),
            "many": [f"level {i % 50}" for i in range(count)],
        }
    ).astype({"amount": "float32"})
    # three of 4,000 are fewer than one in a thousand, before, between and behind the others
    frame.loc[:2, "rare levels"] = ["a", "c", "g"]
    y = draw.integers(0, 2 if task == "binary" else 3, count)
    fitted = distance_encoders(COLUMNS, task, 7).fit(frame, y)
    asked = frame.head(20).copy()
    asked.loc[5:9, list(COLUMNS.categories)] = "never seen"
    blocks = [Block.from_dict(json.loads(json.dumps(b.to_dict()))) for b in read_blocks(fitted)]
    encoded = np.concatenate([block.encode(asked) for block in blocks], axis=1)
    np.testing.assert_array_equal(encoded, fitted.transform(asked))
    # numbers, flags, three levels and a column for the rare ones, two levels and none
    assert [block.widths for block in blocks[:3]] == [(1,), (1,), (4, 2)]
