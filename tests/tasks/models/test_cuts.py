from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.cuts import DEEPEST, Cuts

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
near = st.integers(-50, 50).map(lambda n: float(np.float32(n) / 7))


@pytest.mark.filterwarnings("ignore:overflow encountered in nextafter")
@settings(max_examples=300, deadline=None)
@given(
    st.sets(st.one_of(floats, near), min_size=1, max_size=300),
    st.lists(st.one_of(st.floats(width=32), near), max_size=60),
)
def test_bins_are_those_that_a_search_finds(thresholds, values) -> None:
    known = np.unique(np.array(sorted(thresholds), np.float32))
    beside = [np.nextafter(known, np.float32(side)) for side in (-np.inf, np.inf)]
    asked = np.concatenate([np.array(values, np.float32), known, *beside])
    expected = np.searchsorted(known, asked)
    expected[np.isnan(asked)] = len(known) + 1
    assert Cuts.of(known).bins(asked).tolist() == expected.tolist()


@pytest.mark.parametrize("ruled", [True, False])
def test_crowded_thresholds_are_searched(ruled) -> None:
    even = np.linspace(-3, 3, 200, dtype=np.float32)
    known = even if ruled else np.unique(np.append(even / 1e6, np.float32(1e6)))
    cuts = Cuts.of(known)
    assert (cuts.depth <= DEEPEST) is ruled
    values = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    values = values if ruled else values / 1e6
    assert (cuts.bins(values) == np.searchsorted(known, values)).all()
