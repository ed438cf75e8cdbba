"""Which kind each label is, and rows with their labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import Pipeline
from tasks.dataset.dataset import build_dataset, fitted_until
from tasks.labels.join import Counts, Coverage, LabelSelection, judge, with_labels
from tasks.records import plain, read

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Pair = tuple[int, int]


def frame(pairs: list[tuple[int, int | None]], *more: pl.Series) -> pl.DataFrame:
    schema = {"id": pl.Int64, "y": pl.Int64}
    return pl.DataFrame(pairs, schema=schema, orient="row").with_columns(*more)


def judged(
    came: list[Pair],
    rows: list[tuple[int, int | None]],
    known: list[Pair] | None = None,
    **changes: Any,
) -> LabelSelection:
    times = pl.Series("at", [NOON] * len(rows), dtype=pl.Datetime("us", "UTC"))
    asked: dict[str, Any] = {"at": NOON + DAY, "late_after": None, "revisions": "first"}
    return judge(
        frame([*came]),
        frame(rows, times),
        frame([*(known or [])]),
        key=["id"],
        target="y",
        event_time="at",
        **{**asked, **changes},
    )


def test_each_label_is_of_one_kind() -> None:
    found = judged(
        came=[(1, 1), (1, 1), (1, 0), (2, 1), (3, 0), (4, 1), (5, 0), (9, 1), (9, 0)],
        rows=[(1, None), (2, 1), (3, 1), (4, None), (5, None)],
        known=[(4, 1), (5, 1)],
    )
    assert found.counts == Counts(
        9, new=1, duplicate=3, contradicting=4, unknown=1, contradictions=(3, 5, 7, 9)
    )
    assert found.kept.rows() == [(1, 1), (9, 1)]
    assert read(Counts, plain(found.counts), "counts") == found.counts


@pytest.mark.parametrize(
    ("after", "kind"), [(None, "new"), (DAY, "new"), (DAY - timedelta(seconds=1), "late")]
)
def test_a_label_is_late_after_the_time_agreed(after: timedelta | None, kind: str) -> None:
    found = judged([(1, 1)], [(1, None)], late_after=after)
    assert getattr(found.counts, kind) == 1
    assert len(found.kept) == 1


def test_event_times_without_zone_and_dates_are_utc() -> None:
    for dtype in (pl.Datetime("us"), pl.Date):
        at = pl.Series("at", [NOON.replace(tzinfo=None)]).cast(dtype)
        found = judge(
            frame([(1, 1)]),
            frame([(1, None)], at),
            frame([]),
            key=["id"],
            target="y",
            event_time="at",
            at=NOON + timedelta(hours=1),
            late_after=timedelta(hours=2),
        )
        assert (found.counts.late, found.counts.new) == ((1, 0) if dtype == pl.Date else (0, 1))


pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), max_size=20)


@given(st.lists(pairs, max_size=3), st.dictionaries(st.integers(0, 4), st.none() | st.just(1)))
def test_the_first_known_stays_whatever_follows(
    files: list[list[Pair]], rows: dict[int, int | None]
) -> None:
    known: dict[int, int] = {}
    for came in files:
        found = judged(came, list(rows.items()), list(known.items()))
        counts = found.counts
        kinds = (counts.new, counts.duplicate, counts.contradicting, counts.unknown, counts.late)
        assert sum(kinds) == counts.rows == len(came)
        assert counts.kept == len(found.kept)
        before = {**known, **{key: value for key, value in rows.items() if value is not None}}
        first: dict[int, int] = {}
        for key, value in came:
            first.setdefault(key, before.get(key, value))
        assert dict(found.kept.rows()) == {k: v for k, v in first.items() if k not in before}
        wrong = sum(value != first[key] for key, value in came)
        assert counts.contradicting == wrong
        known.update(found.kept.rows())


@given(st.lists(pairs, max_size=3))
def test_the_newest_counts_whatever_was_known(files: list[list[Pair]]) -> None:
    known: dict[int, int] = {}
    rows: list[tuple[int, int | None]] = [(key, None) for key in range(4)]
    for came in files:
        found = judged(came, rows, list(known.items()), revisions="newest")
        counts, newest = found.counts, dict(came)
        assert dict(found.kept.rows()) == {
            key: value for key, value in newest.items() if known.get(key) != value
        }
        assert counts.revised == sum(
            known.get(key, value) != value for key, value in newest.items()
        )
        known.update(newest)


def pipeline(task: str = "binary") -> Pipeline:
    given = {"name": "toy", "task": task, "target": "y", "event_time": "at", "key": ["id", "leg"]}
    return Pipeline.model_validate(given)


def rows(y: list[Any]) -> pd.DataFrame:
    count = len(y)
    return pd.DataFrame(
        {
            "id": np.arange(count) // 2,
            "leg": np.where(np.arange(count) % 2, "out", "back"),
            "at": pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC"),
            "x": np.arange(count) * 1.0,
            "y": y,
        }
    )


def labels(frame: pd.DataFrame, y: list[Any]) -> pd.DataFrame:
    return frame[["id", "leg"]].assign(y=y)


def test_labels_fill_what_the_rows_lack_and_nothing_else() -> None:
    came = rows([1.0, np.nan, np.nan, 0.0])
    late = labels(came, [0, 1, 0, 1]).iloc[[3, 1, 0]]
    found, coverage = with_labels(came, late, pipeline())
    assert found["y"].tolist()[:2] == [1, 1]
    assert found["y"].isna().tolist() == [False, False, True, False]
    assert found["y"].iloc[3] == 0
    assert coverage == Coverage(4, 3)
    assert came["y"].isna().sum() == 2
    pd.testing.assert_frame_equal(found.drop(columns="y"), came.drop(columns="y"))


@pytest.mark.parametrize(
    ("own", "late", "dtype"),
    [
        ([1.0, np.nan], [0, 1], "int64"),
        ([None, None], ["yes", "no"], "str"),
        ([True, None], [False, False], "bool"),
        ([0.5, np.nan], [0.25, 0.75], "float64"),
        ([0.5, np.nan], [1, 2], "float64"),
    ],
)
def test_a_target_that_is_complete_has_the_type_of_the_labels(
    own: list[Any], late: list[Any], dtype: str
) -> None:
    came = rows(own)
    found, coverage = with_labels(came, labels(came, late), pipeline())
    assert found["y"].dtype == dtype
    assert coverage.share == 1


@pytest.mark.parametrize("labelled", [1, 2])
def test_numbers_stay_where_the_labels_are_whole(labelled: int) -> None:
    """As where a target was widened after its labels came."""
    came = rows([0.5, np.nan, np.nan])
    late = labels(came, [7, 8, 9]).iloc[1 : 1 + labelled]
    found, _ = with_labels(came, late, pipeline("regression"))
    assert found["y"].dropna().tolist() == [0.5, 8, 9][: 1 + labelled]


def test_rows_without_any_target_gain_the_column() -> None:
    came = rows([0, 0]).drop(columns="y")
    found, coverage = with_labels(came, labels(came, [1, 0]), pipeline())
    assert found["y"].tolist() == [1, 0]
    assert coverage == Coverage(2, 2)
    nothing, none = with_labels(came, labels(came, [1, 0]).head(0), pipeline())
    assert nothing["y"].isna().all()
    assert none == Coverage(2, 0)


def test_the_order_and_index_of_the_rows_stay() -> None:
    came = rows([np.nan] * 6).iloc[::-1]
    found, _ = with_labels(came, labels(rows([0] * 6), list(range(6))), pipeline("regression"))
    assert found["y"].tolist() == [5, 4, 3, 2, 1, 0]
    assert found.index.tolist() == came.index.tolist()


def test_a_dataset_learns_whole_classes_from_rows_labelled_in_part() -> None:
    came = rows([np.nan] * 200)
    late = labels(came, [place % 2 for place in range(200)]).head(150)
    found, _ = with_labels(came, late, pipeline())
    made = build_dataset(found, pipeline())
    assert made.classes == (0, 1)
    assert [type(label) for label in made.classes] == [int, int]
    assert len(made.y) == 150


def test_a_plan_is_known_until_its_labels_came_and_a_row_with_its_own_until_it_came() -> None:
    """Departures of tomorrow that are labelled the day after: their times are vouched for then."""
    planned = rows([np.nan] * 100 + [place % 2 for place in range(100)])
    at = pd.to_datetime(planned["at"], utc=True)
    planned["_ingested_at"] = (at.min() - DAY).as_unit("us")
    truth = labels(planned.head(100), [place % 2 for place in range(100)])
    truth["_labelled_at"] = (at.iloc[:100].max() + DAY).as_unit("us")
    found, _ = with_labels(planned, truth, pipeline())
    assert found["_ingested_at"].dtype == planned["_ingested_at"].dtype
    made = build_dataset(found, pipeline())
    every = np.ones(len(made.y), dtype=bool)
    assert fitted_until(made, every) == at.iloc[:100].max().tz_localize(None).to_datetime64()
