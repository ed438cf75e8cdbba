"""The model families: one file each beside this one, and here their register.

A family listed in `FAMILIES` is held to `tests/tasks/models/test_families.py`, for every task.
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.models.families.boosting import LIGHTGBM
from tasks.models.families.forests import EXTRA_TREES, RANDOM_FOREST
from tasks.models.families.linear import LINEAR
from tasks.models.families.network import MLP
from tasks.models.family import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (LINEAR, RANDOM_FOREST, EXTRA_TREES, LIGHTGBM, MLP)
}
