"""Which rows are kept, with every dropped one counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.validation import keys
from tasks.validation.batch import Examination
from tasks.validation.report import Cleaning
from tasks.validation.updates import REPEATED, Again, KnownRows
from tests.tasks.ingestion.scenes import HEADER, csv, examined, people, row


def kept(examination: Examination) -> list[str]:
    assert examination.rows is not None
    column: list[str] = pq.read_table(examination.rows).column("visit").to_pylist()
    return column


def test_of_equal_keys_the_first_row_stays(tmp_path: Path) -> None:
    content = HEADER + row(1) + row(2) + row(1) + row(1, stays="") + row(3)
    examination = examined(tmp_path, "a.csv", content.encode())
    assert kept(examination) == ["v1", "v2", "v3"]
    assert examination.report.cleaning.duplicates_in_batch == 2
    assert (examination.report.rows, examination.report.kept) == (5, 3)


def test_keys_of_the_curated_table_are_dropped(tmp_path: Path) -> None:
    def meets(rows: pa.Table) -> np.ndarray:
        assert rows.column_names == ["visit"]
        return np.array([value in {"v1", "v3"} for value in rows.column("visit").to_pylist()])

    def compare(rows: pa.Table) -> Again:
        assert rows.column("visit").to_pylist() == ["v1", "v3"]
        return Again(np.array([REPEATED, REPEATED], dtype=np.uint8))

    content, known = csv(5) + row(3), KnownRows(meets, compare)
    examination = examined(tmp_path, "a.csv", content.encode(), known=known)
    assert kept(examination) == ["v0", "v2", "v4"]
    cleaning = examination.report.cleaning
    assert (cleaning.duplicates_in_batch, cleaning.duplicates_known) == (1, 2)


@pytest.mark.parametrize(
    ("rule", "rows", "cleaning"),
    [
        ("keep_for_later", 4, Cleaning(missing_target=2)),
        ("drop", 2, Cleaning(missing_target=2, missing_target_dropped=2)),
    ],
)
def test_missing_targets_are_counted(
    rule: str, rows: int, cleaning: Cleaning, tmp_path: Path
) -> None:
    content = HEADER + row(1) + row(2, stays="") + row(3, stays="NA") + row(4)
    examination = examined(tmp_path, "a.csv", content.encode(), people(missing_target=rule))
    assert len(kept(examination)) == rows
    assert examination.report.cleaning == cleaning


@pytest.mark.parametrize("again", [(row(2), row(2, stays="")), (row(2, stays=""), row(2))])
def test_of_two_copies_the_one_with_a_target_stays_where_others_are_dropped(
    again: tuple[str, str], tmp_path: Path
) -> None:
    content = HEADER + row(1) + "".join(again)
    examination = examined(tmp_path, "a.csv", content.encode(), people(missing_target="drop"))
    assert kept(examination) == ["v1", "v2"]
    assert examination.rows is not None
    assert pq.read_table(examination.rows)["stays"].to_pylist() == [1, 0]


@pytest.mark.parametrize("setting", ["missing_target", "duplicates"])
def test_what_the_pipeline_refuses_refuses_the_batch(setting: str, tmp_path: Path) -> None:
    content = (HEADER + row(1) + row(2, stays="") + row(1)).encode()
    report = examined(tmp_path, "a.csv", content, people(**{setting: "refuse"})).report
    assert not report.accepted
    assert [problem.rows for problem in report.problems] == [
        (2,) if setting == "missing_target" else (3,)
    ]


def test_types_that_change_without_loss_are_told(tmp_path: Path) -> None:
    lines = csv(3).encode()
    frame = pl.read_csv(lines).with_columns(pl.col("stays").cast(pl.Float64))
    frame.write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    report = examined(tmp_path, "a.parquet", content).report
    assert report.cleaning.retyped == ("at: string as timestamp", "stays: number as integer")


def find_later_twins(
    path: Path, columns: list[str], at_once: int = keys.AT_ONCE, most: int = keys.PARTITION
) -> list[bool]:
    """Return which rows equal an earlier one, by the steps that find equal keys."""
    later = np.zeros(pq.read_metadata(path).num_rows, dtype=np.bool_)
    for places in keys.cut_partitions(keys.find_candidates(path, columns, at_once), most):
        rows = keys.take_rows(path, columns, places)
        first = rows.select(pl.struct(columns).is_first_distinct()).to_series()
        later[rows["_row"].to_numpy()[~first.to_numpy()]] = True
    told: list[bool] = later.tolist()
    return told


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["", "a", "b"])), min_size=1))
def test_later_twins_are_exactly_those_that_came_before(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.mktemp("twins") / "rows.parquet"
    numbers, texts = zip(*rows, strict=True)
    pl.DataFrame({"n": numbers, "t": texts}).write_parquet(path)
    expected = [each in rows[:place] for place, each in enumerate(rows)]
    assert find_later_twins(path, ["n", "t"]) == expected


def test_twins_are_found_in_many_passes_and_parts(tmp_path: Path) -> None:
    numbers = np.random.default_rng(7).integers(0, 2000, 2000).tolist()
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"n": numbers}).write_parquet(path)
    seen: set[int] = set()
    expected = [number in seen or bool(seen.add(number)) for number in numbers]
    # few rows take the way of very many
    assert find_later_twins(path, ["n"], at_once=300, most=50) == expected


def test_rows_that_only_share_a_hash_are_not_twins(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"n": [7, 8, 7]}).write_parquet(path)
    shared = pl.DataFrame({"_row": [0, 1, 2], "_hash": [5, 5, 5]}, schema=keys.SCHEMA)
    (places,) = keys.cut_partitions(shared)
    rows = keys.take_rows(path, ["n"], places)
    assert rows.select(pl.col("n").is_first_distinct()).to_series().to_list() == [True, True, False]
