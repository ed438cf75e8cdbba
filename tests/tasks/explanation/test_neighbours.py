"""LIME's linear model, solved once for all rows."""

from __future__ import annotations

import numpy as np
from sklearn import linear_model

from tasks.explanation.neighbours import Ridge, kernel


def test_it_is_scikit_learns_ridge() -> None:
    draw = np.random.default_rng(9)
    kept = (draw.random((500, 7)) < 0.5).astype(float)
    weights = kernel(np.sqrt((1 - kept).sum(axis=1)), 7)
    answers = kept @ draw.normal(size=7) + draw.normal(size=500)
    ours, theirs = Ridge(kept, weights), linear_model.Ridge(alpha=1)
    for model in (ours, theirs):
        model.fit(kept, answers, sample_weight=weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-10)
    np.testing.assert_allclose(ours.predict(kept[:3]), theirs.predict(kept[:3]), atol=1e-10)
    scores = [model.score(kept, answers, sample_weight=weights) for model in (ours, theirs)]
    np.testing.assert_allclose(*scores, atol=1e-10)


def test_the_same_answer_everywhere_fits_nothing() -> None:
    kept = (np.random.default_rng(9).random((100, 3)) < 0.5).astype(float)
    ridge = Ridge(kept, np.ones(100))
    ridge.fit(kept, np.full(100, 0.25), np.ones(100))
    np.testing.assert_allclose(ridge.coef_, 0, atol=1e-12)
    assert ridge.score(kept, np.full(100, 0.25), np.ones(100)) == 0.0
