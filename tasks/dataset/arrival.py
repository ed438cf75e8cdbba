"""Event times beside arrivals: what is dated after it came says nothing about time. Pure.

A row dated 2041 that arrived today is a slip of the pen: it is learned from, but counts as the
latest true row that had arrived with it. Where a whole batch lies ahead, it is a plan (departures
scheduled for tomorrow): its order is kept, and time goes on to its arrival.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays import Mask, Times
from tasks.policy.reading import count_text

if TYPE_CHECKING:
    import polars as pl

# Nobody plans further: without a bound one file of slips would move the clock of a replayed
# history, whose rows are all old, to the day of the replay, and no cooldown would ever end.
PLANNED = timedelta(days=366)
# Clocks and zones differ by hours: only what lies further ahead is told as a slip of the pen.
SKEW = timedelta(days=1)


def slips(times: Times, arrived: Times) -> Mask:
    """Return which rows are dated after their arrival and are no plan either.

    Args:
        times, arrived: (n,) event time and arrival of each row, naive UTC microseconds; the rows
            of one batch have one arrival.

    >>> days = np.array(["2013-04-01", "2041-01-01"], "datetime64[us]")
    >>> slips(days, np.full(2, np.datetime64("2013-05-01"))).tolist()
    [False, True]
    """
    ahead = times > arrived
    # nearly always: what follows would sort a table's worth of arrivals for nothing
    if not ahead.any():
        return np.asarray(ahead)
    # one true row in a batch makes its rows ahead slips; where all are ahead, it is a plan
    mixed = np.isin(arrived, np.unique(arrived[~ahead]))
    return np.asarray(ahead & (mixed | (times > arrived + np.timedelta64(PLANNED))))


def effective_times(times: Times, arrived: Times) -> Times:
    """Return the times that rows count as, where they are put in order; arguments as of `slips`.

    >>> days = np.array(["2013-04-01", "2041-01-01", "2013-04-02"], "datetime64[us]")
    >>> str(effective_times(days, np.full(3, np.datetime64("2013-05-01")))[1])[:10]
    '2013-04-02'
    """
    wrong = slips(times, arrived)
    if not wrong.any():
        return times
    found, true = times.copy(), ~wrong
    for moment in np.unique(arrived[wrong]):
        by_then = true & (arrived <= moment)
        found[wrong & (arrived == moment)] = times[by_then].max() if by_then.any() else moment
    return found


def latest_time(times: Times, arrived: Times) -> np.datetime64 | None:
    """Return the latest time that these rows vouch for; None of none. Arguments as of `slips`.

    >>> latest_time(np.array(["2041-01-01"], "datetime64[us]"), np.array(["2013-05-01"], "M8[us]"))
    """
    true = ~slips(times, arrived)
    if not true.any():
        return None
    # a plan vouches for the day it came, not for the one it speaks of
    moment: np.datetime64 = np.minimum(times[true], arrived[true]).max()
    return moment


def say_slips(rows: pl.LazyFrame, event_time: str, came: datetime) -> str | None:
    """Say which rows of one file are dated over a day after it came; None where none are.

    `came` has a zone, times without one are UTC; a file of plans alone is as it should be.

    >>> import polars as pl
    >>> days = pl.LazyFrame({"at": [datetime(2013, 4, 1), datetime(2041, 6, 1)]})
    >>> say_slips(days, "at", datetime(2013, 5, 1, tzinfo=UTC))[:60]
    '1 row is dated after the file came, such as row 2 (2041-06-0'
    """
    import polars as pl

    zone = getattr(rows.collect_schema()[event_time], "time_zone", None)
    at = pl.col(event_time) if zone is None else pl.col(event_time).dt.convert_time_zone("UTC")
    at, now = at.cast(pl.Datetime("us")), came.astimezone(UTC).replace(tzinfo=None)
    dated = rows.select(at=at).with_row_index("row", offset=1)
    far = dated.filter(pl.col("at") > now + SKEW).collect(engine="streaming")
    if far.is_empty():
        return None
    # one row that is true makes slips of those ahead, see `slips`
    true = dated.select((pl.col("at") <= now).any()).collect(engine="streaming").item()
    arrived = np.datetime64(now, "us")
    times = np.append(far["at"].to_numpy(), np.full(int(true), arrived)).astype("M8[us]")
    wrong = slips(times, np.full(len(times), arrived))[: len(far)]
    if not wrong.any():
        return None
    first = far.row(int(np.argmax(wrong)), named=True)
    count = count_text(int(wrong.sum()), "row is", "rows are")
    return (
        f"{count} dated after the file came, such as row {first['row']:,} ({first['at']}): "
        "learned from, but no clock follows."
    )


def latest_event(rows: pl.LazyFrame, event_time: str, arrived: str) -> datetime | None:
    """Return `latest_time` of a table too large to hold, as its event times are stored."""
    import polars as pl

    zone = getattr(rows.collect_schema()[event_time], "time_zone", None)
    at, came = pl.col(event_time), pl.col(arrived)
    # Polars refuses to compare a time that has a zone with one that has none
    at = at.cast(pl.Datetime("us")) if zone is None else at
    came = came.dt.replace_time_zone(None) if zone is None else came.dt.convert_time_zone(zone)
    grouped = rows.select(at=at, came=came).group_by("came")
    batches = grouped.agg(
        true=pl.col("at").filter(pl.col("at") <= pl.col("came")).max(), first=pl.col("at").min()
    )
    plan = pl.when(pl.col("first") <= pl.col("came") + PLANNED).then("came")
    moment: datetime | None = batches.select(pl.coalesce("true", plan).max()).collect().item()
    return moment
