from __future__ import annotations

import numpy as np
import pytest

from tasks.models.exchange import ExchangingModel
from tasks.models.runtime import OnnxModel
from tests.tasks.models.conftest import Messy


@pytest.mark.parametrize(
    ("family", "task"), [("linear", "binary"), ("lightgbm", "regression"), ("mlp", "multiclass")]
)
def test_exchanged_columns_are_answered_as_by_the_whole_model(
    family: str, task: str, messy: Messy
) -> None:
    data = messy.exported(family, task)
    whole, exchanging = OnnxModel(data), ExchangingModel(data, messy.ask)
    assert np.allclose(exchanging.predict(exchanging.columns), whole.predict(messy.ask), atol=1e-7)
    order = np.random.default_rng(4).permutation(len(messy.ask))
    for names in (["amount"], ["few"], ["mostly missing", "many"]):
        shuffled = messy.ask.assign(**{name: messy.ask[name].to_numpy()[order] for name in names})
        columns = exchanging.columns | {name: exchanging.columns[name][order] for name in names}
        assert np.allclose(exchanging.predict(columns), whole.predict(shuffled), atol=1e-7)
    # what was exchanged before is not left behind
    assert np.allclose(exchanging.predict(exchanging.columns), whole.predict(messy.ask), atol=1e-7)
