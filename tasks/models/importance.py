"""How much each column counts in a fitted model, as shares that add up to one."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.features.schema import Columns
from tasks.models.encoders import read_blocks, sources
from tasks.models.families import FAMILIES
from tasks.models.model import Model


def column_importances(model: Model, columns: Columns) -> dict[str, float]:
    """Return a share for every prepared column, largest first.

    Each family says what it weighs its encoded columns by. Equal shares where the model uses
    nothing.
    """
    blocks = read_blocks(model.pipeline_.named_steps["encoders"])
    estimator = model.pipeline_.named_steps["model"]
    weights = FAMILIES[model.family].importances(estimator, model.input_spread_)
    shares = dict.fromkeys((*columns.numbers, *columns.written), 0.0)
    for name, weight in zip(sources(blocks), weights.tolist(), strict=True):
        shares[name] += weight
    total = sum(shares.values())
    if total <= 0:
        # a model without a split or a weight; its shares must add up to one all the same
        return dict.fromkeys(shares, 1 / len(shares))
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return {name: share / total for name, share in ordered}


def by_feature(shares: Mapping[str, float], origins: Mapping[str, str]) -> dict[str, float]:
    """Add up the shares of the columns that one raw column was unfolded to.

    >>> by_feature({"t_hour": 0.5, "t_weekday": 0.25, "a": 0.25}, {"t_hour": "t", "t_weekday": "t"})
    {'t': 0.75, 'a': 0.25}
    """
    folded: dict[str, float] = {}
    for name, share in shares.items():
        raw = origins.get(name, name)
        folded[raw] = folded.get(raw, 0.0) + share
    return dict(sorted(folded.items(), key=lambda item: (-item[1], item[0])))
