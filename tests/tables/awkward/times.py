"""Times that are written in many ways, or are none."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from tests.tables.awkward.scene import ROWS, Draw, Files, Later, Scene, csv, days, one, plain

COUNTED = ", counted in %s since 1970"


def dated(name: str, form: str) -> Scene:
    files = one(lambda draw: plain(draw).assign(seen=days(form)))
    return Scene(f"dates-{name}", files, declared={"event_time": "seen"}, uses=("x",))


def unpadded(draw: Draw) -> pd.DataFrame:
    """Write 5.1.2023 7:05, as people do."""
    times = pd.date_range("2023-01-05 07:05", periods=ROWS, freq="11h")
    seen = [f"{at.day}.{at.month}.{at.year} {at.hour}:{at.minute:02d}" for at in times]
    return plain(draw).assign(seen=seen)


def doubtful(draw: Draw) -> pd.DataFrame:
    """Write no day after the twelfth: day and month may be either."""
    return plain(draw).assign(
        seen=[f"{n % 12 + 1:02d}/{n // 48 + 1:02d}/2023" for n in range(ROWS)]
    )


def yearly(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(year=np.sort(draw.integers(1987, 2023, ROWS)))


def counted(draw: Draw) -> pd.DataFrame:
    """Write the seconds since 1970, with gaps and in no order."""
    at = 1_650_000_000 + np.cumsum(draw.integers(40, 9000, ROWS))
    return plain(draw).assign(created_at=at).sample(frac=1, random_state=3)


def counted_lines(draw: Draw) -> Files:
    made = plain(draw).assign(ts=1_650_000_000_123 + np.arange(ROWS) * 600_000)
    return {"t.jsonl": "".join(json.dumps(row) + "\n" for row in made.to_dict("records")).encode()}


def in_parts(draw: Draw) -> pd.DataFrame:
    day = np.repeat(days("%d.%m.%Y", "2023-05-20")[: ROWS // 10], 10)
    return plain(draw).assign(date=day, hour=np.tile(np.arange(10) + 8, ROWS // 10))


def two_times(draw: Draw) -> pd.DataFrame:
    ordered, paid = days("%Y-%m-%d"), days("%Y-%m-%d", "2022-12-24")
    return plain(draw).assign(ordered=ordered, paid=paid)


def no_time(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(balance=draw.gamma(2, 300, ROWS).round(2))


def slipped(draw: Draw) -> Files:
    """Date one row of the first file in 2051; two more files follow."""
    files = {}
    for month in (1, 2, 3):
        seen = pd.date_range(f"2023-0{month}-01", periods=ROWS, freq="80min").astype(str).tolist()
        if month == 1:
            seen[41] = "2051-02-03 04:05:06"
        files[f"{month}.csv"] = csv(plain(draw).assign(seen=seen))
    return files


ASKING = "`01/01/2023` and `02/01/2023` read as %d/%m/%Y and as %m/%d/%Y"
SCENES = (
    dated("day-first", "%d/%m/%Y"),
    dated("month-first", "%m-%d-%Y"),
    dated("year-first", "%Y/%m/%d"),
    dated("digits", "%Y%m%d"),
    dated("short-month", "%d-%b-%y"),
    dated("long-month", "%d %B %Y"),
    dated("zone", "%Y-%m-%d %H:%M:%S GMT"),
    Scene("dates-unpadded", one(unpadded), declared={"event_time": "seen"}, often=True),
    Scene(
        "dates-asked",
        one(doubtful),
        refused="table.csv: a person says what the file does not.\n"
        f"  seen: {ASKING}: which comes first, day or month?\n"
        "Say it, such as: --set 'source.columns.\"seen\".format=%d/%m/%Y'",
    ),
    Scene(
        "dates-answered",
        one(doubtful),
        words=("--set", 'source.columns."seen".format=%d/%m/%Y'),
        declared={"event_time": "seen"},
    ),
    Scene(
        "years",
        one(yearly),
        declared={"event_time": "year"},
        told=("is a time, in the form %Y", "the only year; --time none where rows have no order"),
    ),
    Scene("seconds", one(counted), declared={"event_time": "created_at"}, told=(COUNTED % "s",)),
    Scene("milliseconds", counted_lines, declared={"event_time": "ts"}, told=(COUNTED % "ms",)),
    Scene(
        "date-and-hour",
        one(in_parts),
        declared={"event_time": "time"},
        told=("date: `20.05.2023` reads as 2023-05-20", "time: made of date, hour"),
    ),
    Scene(
        "two-times",
        one(two_times),
        refused="--time: one column orders the rows; got ordered (such as 2022-11-03); paid (such "
        "as 2022-12-24). Name one: --time ordered. Where rows have no order: --time none.",
    ),
    Scene(
        "no-such-time",
        one(no_time),
        words=("--time", "balance"),
        refused="--time: a date or a timestamp orders rows; got balance, of kind number. The file "
        "has none: --time none.",
    ),
    Scene("no-time", one(no_time), declared={"event_time": None}, uses=("x",)),
    Scene(
        "future-row",
        slipped,
        declared={"event_time": "seen"},
        later=(Later("accepted", "500 rows: 500 new"), Later("accepted", "500 rows: 500 new")),
    ),
)
