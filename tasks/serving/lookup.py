"""The history of a request's rows, looked up in what is known; what a row brings along stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.features.history import HistoryPlan, Known, look_up, reaches_back
from tasks.features.request import Field
from tasks.features.values import MISSING, category
from tasks.serving.problems import MOST_PROBLEMS, RowProblem, Unfit


class HistoryLookup:
    """Fills in the columns of a model's history; `known` is replaced whole while requests come."""

    def __init__(self, plan: HistoryPlan, fields: Sequence[Field]) -> None:
        self.plan = plan
        self.known: Known = {}
        places = {field.name: place for place, field in enumerate(fields)}
        self._time = places[plan.event_time]
        self._by = [(places[name], fields[places[name]].kind) for name in plan.by]
        # a selection of columns may have left some out
        self._made = {name: places[name] for name in plan.names if name in places}

    def fill(self, rows: Sequence[Mapping[str, Any]], read: Sequence[list[Any]]) -> None:
        """Put into the values that were read of each row what it does not bring along.

        Raises:
            Unfit: a row is of a time before what was kept.
        """
        asked = [place for place, row in enumerate(rows) if not self._made.keys() <= row.keys()]
        if not asked:
            return
        known = self.known
        times = np.array([read[place][self._time] for place in asked])
        groups = [self._group(read[place]) for place in asked]
        short = reaches_back(self.plan, known, groups, times)
        if len(short):
            names = ", ".join(self._made)
            why = f"is of a time before the targets that are kept: send {names} with it"
            places = [asked[place] for place in short[:MOST_PROBLEMS]]
            raise Unfit([RowProblem(place, self.plan.event_time, why) for place in places])
        made = look_up(self.plan, known, groups, times)
        empty = np.nan if self.plan.numeric else MISSING
        for name, at in self._made.items():
            for place, value in zip(asked, made[name].tolist(), strict=True):
                if name not in rows[place]:
                    read[place][at] = empty if value is None else value

    def _group(self, values: Sequence[Any]) -> str:
        return "\x1f".join(_written(values[place], kind) for place, kind in self._by)


def _written(value: Any, kind: str) -> str:
    """Return a value as a group is named by it, the same as of a table.

    >>> _written(1.0, "boolean"), _written(2.0, "number"), _written("x", "category")
    ('true', '2', 'x')
    """
    truth = kind == "boolean" and value == value  # noqa: PLR0124 (NaN is missing)
    return category(bool(value)) if truth else category(value)
