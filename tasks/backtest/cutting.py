"""How a history is cut into the batches that a backtest replays. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Integers, Objects, Times
from tasks.dataset.dataset import FEWEST as SMALLEST
from tasks.errors import DataError

# With two, no retraining could serve: what is fitted after the last batch meets none.
FEWEST = 3
FEW = 4
PIECES = 12


@dataclass(frozen=True, eq=False)
class Cut:
    """Which batch each row belongs to, (rows,), numbered from the oldest; and their names."""

    place: Integers
    names: tuple[str, ...]
    recipe: str

    @property
    def counts(self) -> Integers:
        """Return the rows of each batch."""
        return np.bincount(self.place, minlength=len(self.names))


def cut(times: Times, batches: Objects, names: Mapping[str, str], rows: int | None = None) -> Cut:
    """Cut rows into batches.

    Args:
        times: (n,) event times, ascending.
        batches: (n,) id of the batch that brought each row.
        names: what a person calls a batch, by id.
        rows: cut into pieces of so many rows by event time instead; where fewer than `FEW`
            batches arrived that is done anyhow, with a twelfth of the rows each.

    Raises:
        DataError: there are fewer than three batches or pieces.

    >>> days = np.arange("2013-01-01", "2013-01-09", dtype="datetime64[D]").astype("datetime64[us]")
    >>> cut(days, np.array(list("bbaaccdd")), {"a": "january"}).names
    ('b', 'january', 'c', 'd')
    >>> cut(days, np.array(["a"] * 8), {}, rows=3).place.tolist()
    [0, 0, 0, 1, 1, 1, 2, 2]
    """
    found = tuple(dict.fromkeys(batches.tolist()))
    if rows is None and len(found) >= FEW:
        return _whole(batches, names)
    # no model is fitted on fewer labelled rows than `SMALLEST`
    size = rows or max(math.ceil(len(times) / PIECES), SMALLEST)
    made = number_pieces(len(times), size)
    count = int(made[-1]) + 1 if len(made) else 0
    if count < FEWEST:
        came = f"{count} of {size:,} rows each, from {len(found)} batches"
        remedy = "Ingest more, or cut it smaller: --rows N."
        raise DataError("backtest", f"a history has at least {FEWEST} batches", came, remedy)
    starts = np.searchsorted(made, np.arange(count))
    named = tuple(f"from {np.datetime_as_string(start, unit='m')}" for start in times[starts])
    return Cut(made, named, f"pieces of {size:,} rows")


def cut_by_arrival(batches: Objects, names: Mapping[str, str], rows: int | None = None) -> Cut:
    """Cut rows without an event time: all that is known of their order is which batch came first.

    Args:
        batches: (n,) id of the batch that brought each row, in order of arrival.
        names, rows: as of `cut`.

    Raises:
        DataError: there are fewer than three batches, or pieces of so many rows are asked for.

    >>> cut_by_arrival(np.array(list("bbac")), {"a": "january"}).names
    ('b', 'january', 'c')
    """
    if rows is not None:
        rule = "rows without an event time are replayed batch by batch"
        raise DataError("backtest", rule, f"--rows {rows}", "Leave --rows out.")
    made = _whole(batches, names)
    if len(made.names) < FEWEST:
        rule = f"a history without event times has at least {FEWEST} batches"
        raise DataError("backtest", rule, len(made.names), "Ingest more files, one after another.")
    return made


def _whole(batches: Objects, names: Mapping[str, str]) -> Cut:
    found = tuple(dict.fromkeys(batches.tolist()))
    number = {batch: place for place, batch in enumerate(found)}
    place = np.array([number[batch] for batch in batches.tolist()])
    named = tuple(names.get(batch, batch[:12]) for batch in found)
    return Cut(place, named, "batches as they came")


def number_pieces(rows: int, size: int) -> Integers:
    """Number the pieces of so many rows; less than half a piece at the end joins the last.

    >>> number_pieces(7, 3).tolist(), number_pieces(8, 3).tolist()
    ([0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 2, 2])
    """
    # Python rounds an exact half to the even number; half a piece is to stand alone
    last = max(round(rows / size + 1e-9) - 1, 0)
    return np.minimum(np.arange(rows) // size, last)


def first_end(counts: Sequence[int] | Integers, start: float) -> int:
    """Return the batch up to which the first model is fitted: the nearest to so many rows.

    At least one batch is fitted on, and at least one is left.

    >>> first_end([10, 10, 10, 10, 10, 10, 10, 10], 0.25)
    1
    >>> first_end([90, 5, 5], 0.25)
    0
    """
    share = np.cumsum(counts) / np.sum(counts)
    return int(np.abs(share[:-1] - start).argmin())
