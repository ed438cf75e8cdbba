from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.features.preprocessing import BOUND, Standardise, distance_encoders, tree_encoders
from tasks.features.schema import Columns

COLUMNS = Columns(("a", "b"), ("few", "many"))


def rows() -> pd.DataFrame:
    count = 400
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": np.where(np.arange(count) % 5, draw.normal(size=count), np.nan).astype("float32"),
            "b": np.arange(count, dtype="float32"),
            "few": draw.choice(["x", "y", "__missing__"], count),
            "many": [f"{i % 50}" for i in range(count)],
        }
    )


def test_standardise_fills_scales_and_cuts_in_float32() -> None:
    step = Standardise().fit(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]))
    made = step.transform(np.array([[2.0, 5.0], [1e30, np.nan], [np.nan, 0.0]]))
    assert made.dtype == np.float32
    assert made[1].tolist() == [BOUND, 0.0]
    assert made[2, 0] == made[0, 0]


def test_linear_models_get_flags_levels_and_encodings() -> None:
    y = np.arange(400) % 2
    encoders = distance_encoders(COLUMNS, "binary", 7).fit(rows(), y)
    made = encoders.transform(rows())
    assert made.dtype == np.float32
    widths = {name: part.stop - part.start for name, part in encoders.output_indices_.items()}
    assert widths == {"numbers": 2, "missing": 1, "levels": 3, "encoded": 1, "remainder": 0}


def test_a_rows_own_target_does_not_enter_its_encoding() -> None:
    draw = np.random.default_rng(1)
    frame = rows().assign(many=[f"{i % 200}" for i in range(400)])
    y = draw.integers(0, 2, 400)
    encoders = tree_encoders(COLUMNS, "binary", 7)
    crossed = encoders.fit_transform(frame, y)[:, -1]
    plain = encoders.transform(frame)[:, -1]
    assert np.corrcoef(plain, y)[0, 1] > 0.5
    assert np.corrcoef(crossed, y)[0, 1] < 0.2
