"""The bound is what trying every set of retrainings finds, and nothing beats it."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import combinations, pairwise

import numpy as np
import pytest

from tasks.backtest.history import History
from tasks.backtest.known import AT_ONCE, InformationSet
from tasks.backtest.oracle import choose_oracle, oracle_bounds
from tasks.backtest.plan import choose_policies
from tasks.backtest.replay import replay_all
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.quantities import Budget
from tasks.records import plain
from tests.tasks.backtest.scenes import DAY, MONTH, history

FREE = Limits(timedelta(0), Budget(10_000, DAY), drop=0.0)


def mean_with(source: History, retrained: tuple[int, ...], delay: timedelta) -> float:
    known, end, values = InformationSet(source, delay), source.first, []
    for at in source.replayed:
        if at in source.judged:
            values.append(source.values[end, at])
        if at in retrained:
            end = max(end, known.learnable(at))
    return float(np.mean(values))


def tried(source: History, allowed: int, delay: timedelta) -> float:
    means = [
        mean_with(source, chosen, delay)
        for count in range(allowed + 1)
        for chosen in combinations(source.replayed[:-1], count)
    ]
    return max(means) if source.greater_is_better else min(means)


@pytest.mark.parametrize("delay", [AT_ONCE, 2 * MONTH, 45 * DAY])
@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_the_best_of_all_that_could_be_done(
    seed: int, upwards: bool, delay: timedelta
) -> None:
    source = history(9, seed=seed, upwards=upwards, unlabelled=(5,), fade=0.005)
    for found in oracle_bounds(source, delay):
        assert found.mean == pytest.approx(tried(source, found.allowed, delay))
        assert mean_with(source, found.retrainings, delay) == pytest.approx(found.mean)
        assert len(found.retrainings) <= found.allowed


@pytest.mark.parametrize("delay", [AT_ONCE, MONTH])
def test_no_course_beats_it(delay: timedelta) -> None:
    source = history(12, seed=8, fade=0.01)
    limit = oracle_bounds(source, delay)
    for found in replay_all(source, choose_policies(None, parse_policy("static")), FREE, delay):
        assert found.mean <= limit[min(len(found.retrainings), len(limit) - 1)].mean + 1e-12


def test_more_never_is_worse_and_the_fewest_that_reach_it_are_named() -> None:
    limit = oracle_bounds(history(12, seed=8))
    assert [one.allowed for one in limit] == list(range(10))
    assert all(later.mean >= earlier.mean for earlier, later in pairwise(limit))
    for earlier, later in pairwise(limit):
        more = len(later.retrainings) > len(earlier.retrainings)
        assert more is (later.mean > earlier.mean)
    assert limit[0].cpu_seconds == 0
    json.dumps(plain(limit, nan_as_null=True), allow_nan=False)


def test_it_retrains_while_it_pays() -> None:
    source = history(12, seed=8, fade=0.02)
    limit = oracle_bounds(source)
    count = len(source.judged)
    assert choose_oracle(source, limit, 0.0).mean == limit[-1].mean
    assert choose_oracle(source, limit, 1e9).retrainings == ()
    for worth in (0.01, 0.05, 0.2):
        chosen = choose_oracle(source, limit, worth)
        net = chosen.mean * count - worth * len(chosen.retrainings)
        assert all(net >= one.mean * count - worth * len(one.retrainings) - 1e-9 for one in limit)
    assert 0 < len(choose_oracle(source, limit, 0.05).retrainings) < len(limit[-1].retrainings)


def test_without_labels_there_is_no_bound_but_an_answer() -> None:
    blind = history(6, unlabelled=(2, 3, 4, 5))
    limit = oracle_bounds(blind)
    assert choose_oracle(blind, limit, 0.1).retrainings == ()
    assert plain(limit[0], nan_as_null=True)["mean"] is None
