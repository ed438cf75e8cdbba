"""How values are read and kinds inferred."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.readers.coerce import coerce
from tasks.readers.formats import open_source
from tasks.readers.options import SourceOptions
from tasks.readers.typed import write_typed
from tests.tasks.ingestion.scenes import examined, people


def inferred(folder: Path, name: str, content: str) -> dict[str, str]:
    path = folder / "object"
    path.write_text(content)
    return open_source(path, name, 2**30).infer()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2"], "integer"),
        (["1", "2.5"], "number"),
        (["1", "", "NA"], "integer"),
        (["true", "False"], "boolean"),
        (["0", "1"], "integer"),
        (["007", "123"], "string"),
        (["1e3"], "number"),
        (["2024-01-31"], "date"),
        (["2024-01-31", "2024-01-31T10:00:00+01:00"], "timestamp"),
        (["2024-13-31"], "string"),
        (["", "NA"], "string"),
        (["1", "x"], "string"),
        (["99999999999999999999"], "number"),
    ],
)
def test_text_takes_the_narrowest_kind_that_fits_all(
    values: list[str], kind: str, tmp_path: Path
) -> None:
    lines = "".join(f"{value},\n" for value in values)
    assert inferred(tmp_path, "a.csv", f"v,w\n{lines}")["v"] == kind


def test_a_late_value_widens_a_column_of_many_blocks(tmp_path: Path) -> None:
    content = "v,w\n" + "1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 600_000 + "2.5,b\n"
    assert inferred(tmp_path, "a.csv", content) == {"v": "number", "w": "string"}


@pytest.mark.parametrize("header", ["gro\u0308\u00dfe;y", '"gr\u00f6\u00dfe";y', '"a;b";y'])
def test_a_line_of_names_is_no_row_however_it_is_written(header: str, tmp_path: Path) -> None:
    """Where the options name the columns, a file of labels says by such a line which it has."""
    path = tmp_path / "labels.csv"
    path.write_text(f"{header}\n1;2\n")
    options = SourceOptions(delimiter=";", names=("id", "gr\u00f6\u00dfe", "a;b", "y"))
    source = open_source(path, path.name, 2**30, options)
    assert source.names()[1:] == ("y",)
    assert source.names()[0] in options.names


def test_json_kinds_widen_over_all_lines(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "2024-01-01", "c": True}, {"a": 2.5, "d": None}, {"b": "x"}]
    content = "\n".join(json.dumps(row) for row in rows)
    kinds = inferred(tmp_path, "a.jsonl", content)
    assert kinds == {"a": "number", "b": "string", "c": "boolean", "d": "string"}


def test_times_are_one_instant_in_utc() -> None:
    texts = ["2024-01-31 10:00", "2024-01-31T10:00:00Z", "2024-01-31T12:00:00.000000000+02:00"]
    values, bad = coerce(pa.array(texts), "timestamp")
    assert bad.tolist() == []
    assert values.to_pylist() == [datetime(2024, 1, 31, 10, tzinfo=UTC)] * 3


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=5), st.none())))
def test_integers_read_as_python_reads_plain_ones(values: list[object]) -> None:
    texts = [None if value is None else str(value) for value in values]
    read, bad = coerce(pa.array(texts, pa.string()), "integer")
    for place, (value, got) in enumerate(zip(values, read.to_pylist(), strict=True)):
        if isinstance(value, int):
            assert got == value
            assert place not in bad


@given(st.lists(st.sampled_from(["1", "x", "NA", "2.0", "3.5", ""]), max_size=300))
def test_each_bad_value_is_named_and_no_other(texts: list[str]) -> None:
    read, bad = coerce(pa.array(texts, pa.string()), "integer")
    assert bad.tolist() == [place for place, text in enumerate(texts) if text in ("x", "3.5")]
    meaning = {"1": 1, "2.0": 2}
    assert read.to_pylist() == [meaning.get(text) for text in texts]


def test_a_parquet_file_of_the_right_types_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    schema = pa.schema([("a", pa.int64()), ("b", pa.float64())])
    for number, copied in ((1.0, False), (float("nan"), True)):
        pq.write_table(pa.table({"a": [1], "b": [number]}, schema=schema), path)
        source = open_source(path, "a.parquet", 2**30)
        typed = write_typed(source, schema, tmp_path / "typed.parquet", print)
        assert (typed.path != path) is copied
        assert typed.nulls == {"a": 0, "b": int(copied)}


def test_delayed_labels_may_be_absent(tmp_path: Path) -> None:
    pipeline = people().model_copy(
        update={"monitoring": people().monitoring.model_copy(update={"labels": "delayed"})}
    )
    content = b"visit,at,name,age,ward,cost,insured\nv1,2024-01-01,P,3,A,1,true\n"
    report = examined(tmp_path, "a.csv", content, pipeline).report
    assert report.accepted
    assert report.cleaning.missing_target == 1
    assert not examined(tmp_path, "a.csv", content).report.accepted
