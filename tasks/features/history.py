"""Earlier targets as columns: what was known of the target before each row's own time. Pure.

One function for training, replay, monitoring, scoring, explaining and serving: a target is known
from its event time plus the label delay on, or from when its label arrived if that is later, and
counts for rows strictly later than that. So no row sees itself, nor another of its own time, and a
held-out row knows what the naive last value knows: one step ahead, and no horizon of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Integers
from tasks.config import Pipeline
from tasks.errors import DataError
from tasks.features.values import moments, texts
from tasks.quantities import parse_duration

REMEDY = "Rename the column in the data, or leave it out by `source.leave_out`."


@dataclass(frozen=True)
class HistoryPlan:
    """Which earlier targets are columns; `delay` is the label delay in microseconds.

    Numbers beyond the last one are told by how far it lies from them: a series that rises leaves
    the range of every earlier value, and its changes stay where they were.
    """

    target: str
    event_time: str
    lags: int
    mean: int = 0
    by: tuple[str, ...] = ()
    delay: float = 0.0
    numeric: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it makes.

        >>> HistoryPlan("y", "at", lags=2, mean=7).names
        ('y_lag_1', 'y_from_lag_2', 'y_from_mean_7')
        >>> HistoryPlan("y", "at", lags=2, numeric=False).names
        ('y_lag_1', 'y_lag_2')
        """
        further = "from_lag" if self.numeric else "lag"
        names = [f"{self.target}_lag_1"]
        names += [f"{self.target}_{further}_{number}" for number in range(2, self.lags + 1)]
        return (*names, *([f"{self.target}_from_mean_{self.mean}"] if self.mean else ()))

    @property
    def asked_by(self) -> tuple[str, ...]:
        """The columns of a row that its history is looked up by."""
        return (self.event_time, *self.by)

    @property
    def depth(self) -> int:
        """How many targets a row looks back."""
        return max(self.lags, self.mean)


@dataclass(frozen=True, eq=False)
class KnownOfGroup:
    """The known targets of one group, oldest first.

    `since` is when each became known, (n,) microseconds since 1970. What was known earlier than
    the first of them is told by nothing where some were `cut` off.
    """

    since: Floats
    values: Array
    cut: bool = False


Known = Mapping[str, KnownOfGroup]


def plan_history(pipeline: Pipeline) -> HistoryPlan | None:
    """Return which earlier targets the pipeline's file asks for; None for none."""
    asked = pipeline.features.history
    if asked is None:
        return None
    late = pipeline.monitoring.labels == "delayed"
    delay = parse_duration(pipeline.monitoring.label_delay).total_seconds() * 1e6 if late else 0.0
    assert pipeline.event_time is not None, "the file's own check"
    return HistoryPlan(
        pipeline.target,
        pipeline.event_time,
        asked.lags,
        asked.mean,
        asked.by,
        delay,
        pipeline.task == "regression",
    )


def refuse_taken(plan: HistoryPlan, columns: Sequence[str]) -> None:
    """Raise DataError where the data have a column of a name that the history makes."""
    taken = sorted(set(plan.names) & {*columns})
    if taken:
        rule = "its columns are called as no column of the data"
        raise DataError("features.history", rule, ", ".join(taken), REMEDY)


def gather_known(
    plan: HistoryPlan,
    groups: Sequence[str],
    times: Floats,
    targets: pd.Series[Any],
    arrived: Floats | None = None,
) -> dict[str, KnownOfGroup]:
    """Return the known targets of n rows, by group.

    A label that arrived after that of a later row is left out: it tells nothing of now any more.

    Args:
        plan: which are asked for.
        groups: (n,) group of each row.
        times: (n,) event times, microseconds; NaN rows are passed over.
        targets: (n,) targets; missing ones are passed over.
        arrived: (n,) when labels arrived that came later than their rows, NaN for others.

    >>> plan, days = HistoryPlan("y", "at", lags=1), np.array([1.0, 2.0, 3.0])
    >>> known = gather_known(plan, ["", "", ""], days, pd.Series([5.0, None, 7.0]))
    >>> known[""].since.tolist(), known[""].values.tolist()
    ([1.0, 3.0], [5.0, 7.0])
    """
    since = times + plan.delay
    if arrived is not None:
        since = np.fmax(since, arrived)
    there = targets.notna().to_numpy() & ~np.isnan(times)
    values = _values(targets[there], plan)
    told = pd.DataFrame(
        {"group": np.asarray(groups, dtype=object)[there], "time": times[there]}
    ).assign(since=since[there], value=values)
    # by value at last: rows of one moment have no order, and every reader must find the same
    told = told.sort_values(["group", "time", "since", "value"], kind="stable")
    found = {}
    for group, rows in told.groupby("group", sort=False):
        moment = rows["since"].to_numpy()
        # the earliest moment among this and all later ones
        soonest = np.minimum.accumulate(moment[::-1])[::-1]
        kept = moment <= soonest
        found[str(group)] = KnownOfGroup(moment[kept], rows["value"].to_numpy()[kept])
    return found


def look_up(
    plan: HistoryPlan, known: Known, groups: Sequence[str], times: Floats
) -> dict[str, Array]:
    """Return the columns of n rows: float64 with NaN, or text with None, where nothing is known.

    Args:
        plan: which columns.
        known: by group.
        groups: (n,) group of each row.
        times: (n,) event times, microseconds; NaN knows everything.

    >>> plan = HistoryPlan("y", "at", lags=2, mean=2)
    >>> known = {"": KnownOfGroup(np.array([1.0, 2.0]), np.array([5.0, 7.0]))}
    >>> made = look_up(plan, known, ["", ""], np.array([2.0, 3.0]))
    >>> [made[name].tolist() for name in plan.names]
    [[5.0, 7.0], [nan, 2.0], [0.0, 1.0]]
    """
    dtype = np.float64 if plan.numeric else object
    back = np.full((plan.depth, len(times)), np.nan if plan.numeric else None, dtype=dtype)
    asked = np.where(np.isnan(times), np.inf, times)
    codes, levels = pd.factorize(np.asarray(groups, dtype=object))
    for code, group in enumerate(levels):
        told = known.get(str(group))
        if told is None:
            continue
        rows = np.flatnonzero(codes == code) if len(levels) > 1 else np.arange(len(times))
        # left: what became known at the very moment is not known yet
        before = np.searchsorted(told.since, asked[rows], side="left")
        for step in range(plan.depth):
            place = before - 1 - step
            there = place >= 0
            back[step, rows[there]] = told.values[place[there]]
    names = plan.names
    made: dict[str, Array] = {names[0]: back[0]}
    for step in range(1, plan.lags):
        made[names[step]] = back[0] - back[step] if plan.numeric else back[step]
    if plan.mean:
        made[names[-1]] = back[0] - _mean(back[: plan.mean])
    return made


def add_history(frame: pd.DataFrame, plan: HistoryPlan, known: Known) -> pd.DataFrame:
    """Return the rows with the columns of their history; a column that is there already stays.

    Raises:
        DataError: a column that names the group, or the event time, is absent.
    """
    absent = [name for name in (plan.event_time, *plan.by) if name not in frame.columns]
    if absent:
        rule = "the columns that a history is looked up by are there"
        raise DataError("features.history", rule, f"no {', '.join(absent)}", "Add the columns.")
    times = moments(frame[plan.event_time], plan.event_time)
    made = look_up(plan, known, name_groups(frame, plan.by), times)
    new = {
        name: pd.Series(values, frame.index, dtype="float64" if plan.numeric else "str")
        for name, values in made.items()
        if name not in frame.columns
    }
    return pd.concat([frame, pd.DataFrame(new, index=frame.index)], axis=1)


def name_groups(frame: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """Return the group of each row, as one text.

    >>> name_groups(pd.DataFrame({"a": ["x", None], "n": [1.0, 2.0]}), ["a", "n"])
    ['x\\x1f1', '__missing__\\x1f2']
    """
    if not by:
        return [""] * len(frame)
    columns = [_written(frame[name]) for name in by]
    return ["\x1f".join(cells) for cells in zip(*columns, strict=True)]


def cut_known(known: Known, plan: HistoryPlan, most: int) -> dict[str, KnownOfGroup]:
    """Return the newest of each group, at most so many of all but for what one row looks back.

    >>> told = {"": KnownOfGroup(np.arange(5.0), np.arange(5.0))}
    >>> kept = cut_known(told, HistoryPlan("y", "at", lags=1), 3)[""]
    >>> kept.since.tolist(), kept.cut
    ([2.0, 3.0, 4.0], True)
    """
    keep = max(plan.depth, most // max(len(known), 1))
    return {
        group: KnownOfGroup(told.since[-keep:], told.values[-keep:], len(told.since) > keep)
        for group, told in known.items()
    }


def reaches_back(plan: HistoryPlan, known: Known, groups: Sequence[str], times: Floats) -> Integers:
    """Return the places of rows whose history lies before what was kept of it."""
    told = [known.get(group) for group in groups]
    short = [
        place
        for place, (kept, time) in enumerate(zip(told, times, strict=True))
        if kept is not None
        and kept.cut
        and np.searchsorted(kept.since, np.inf if np.isnan(time) else time) < plan.depth
    ]
    return np.array(short, dtype=np.int64)


def _written(column: pd.Series[Any]) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        # as a request's times are read, whatever zone and unit the table's have
        column = pd.Series(moments(column, str(column.name)))
    made: list[str] = texts(column).column().tolist()
    return made


def _values(targets: pd.Series[Any], plan: HistoryPlan) -> Array:
    if plan.numeric:
        return targets.to_numpy(dtype=np.float64)
    # as a category is written everywhere else
    made: Array = texts(targets).column().to_numpy(object)
    return made


def _mean(back: Array) -> Array:
    total, count = np.zeros(back.shape[1]), np.zeros(back.shape[1])
    # one step after the other: NumPy's own sum adds in another order for another number of rows
    for step in back:
        there = ~np.isnan(step)
        total, count = total + np.where(there, step, 0.0), count + there
    mean: Array = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean
