"""Files that must not get in, each with the rule that stops it, and good ones among them."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.suite import OPEN
from tasks.readers.kinds import TYPES, schema_of
from tasks.readers.read_parquet import PIECE_BYTES, ParquetSource
from tasks.readers.source import BadBatch
from tasks.validation.suite import find_suite
from tests.tasks.ingestion.scenes import HEADER, csv, examined, people, row


def json_lines(*rows: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def visit(**values: object) -> dict[str, object]:
    good = {"visit": "v1", "at": "2024-01-01", "name": "P", "age": 3, "ward": "A"}
    return {**good, "cost": 1.5, "insured": True, "stays": 1, **values}


def parquet(**columns: pa.Array) -> bytes:
    table = pa.table({name: pa.array([value]) for name, value in visit().items()})
    for name, array in columns.items():
        place = table.schema.get_field_index(name)
        table = (
            table.set_column(place, name, array) if place >= 0 else table.append_column(name, array)
        )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def bomb() -> bytes:
    """Less than 1 MB of gzip that unfolds to 100 MB of good rows."""
    lines = (row(1) * 20_000).encode()
    return gzip.compress(HEADER.encode()) + gzip.compress(lines) * 80


GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "csv": ("a.csv", lambda: csv(30).encode()),
    "bom": ("a.csv", lambda: b"\xef\xbb\xbf" + csv(30).encode()),
    "crlf": ("a.csv", lambda: csv(30).replace("\n", "\r\n").encode()),
    "gzip": ("a.csv.gz", lambda: gzip.compress(csv(30).encode())),
    "gzip in two members": (
        "a.csv.gz",
        lambda: gzip.compress(csv(30).encode()) + gzip.compress(row(31).encode()),
    ),
    "quoted": ("a.csv", lambda: csv(30, name='"O""Neil,\nAnn"').encode()),
    "columns in another order": ("a.jsonl", lambda: json_lines(dict(reversed(visit().items())))),
    "json lines": ("a.jsonl", lambda: json_lines(visit(), visit(visit="v2", cost=None))),
    "parquet": ("a.parquet", parquet),
    "narrow integers": ("a.parquet", lambda: parquet(age=pa.array([7], pa.int8()))),
    "dictionary": ("a.parquet", lambda: parquet(ward=pa.array(["A"]).dictionary_encode())),
    "unlikely but warned": ("a.csv", lambda: csv(5, cost="99999").encode()),
}
HOSTILE: dict[str, tuple[str, Callable[[], bytes], str, str | None]] = {
    "nothing": ("a.csv", lambda: b"", "empty", None),
    "blank": ("a.csv", lambda: b"\n\n", "empty", None),
    "header only": ("a.csv", HEADER.encode, "rows", None),
    "header without line end": ("a.csv", lambda: HEADER.strip().encode(), "rows", None),
    "no rows in parquet": (
        "a.parquet",
        lambda: _sliced(parquet()),
        "rows",
        None,
    ),
    "no rows in json": ("a.jsonl", lambda: b"\n", "rows", None),
    "missing column": (
        "a.csv",
        lambda: csv(5).replace(",ward", ",wrad", 1).encode(),
        "missing column",
        "ward",
    ),
    "unexpected column": (
        "a.jsonl",
        lambda: json_lines(visit(delay=3)),
        "unexpected column",
        "delay",
    ),
    "reserved column": ("a.jsonl", lambda: json_lines(visit(_batch="x")), "reserved column", None),
    "retyped column": ("a.csv", lambda: csv(5, age="old").encode(), "kind", "age"),
    "retyped parquet": ("a.parquet", lambda: parquet(ward=pa.array([4])), "kind", "ward"),
    "retyped json": ("a.jsonl", lambda: json_lines(visit(age="3")), "kind", "age"),
    "half an integer": ("a.csv", lambda: csv(5, age="3.5").encode(), "kind", "age"),
    "hexadecimal": ("a.csv", lambda: csv(5, age="0x1F").encode(), "kind", "age"),
    "too large an integer": ("a.jsonl", lambda: json_lines(visit(age=2**70)), "kind", "age"),
    "unparsable time": ("a.csv", lambda: csv(5, at="01/02/2024").encode(), "kind", "at"),
    "infinite time": ("a.parquet", lambda: parquet(at=pa.array([float("inf")])), "kind", "at"),
    "a far year": ("a.parquet", lambda: parquet(at=_at(2**63 - 1, "us", "UTC")), "kind", "at"),
    "a year beyond 9999": (
        "a.parquet",
        lambda: parquet(at=_at(253_402_300_800, "s")),
        "kind",
        "at",
    ),
    "a year before 1": ("a.parquet", lambda: parquet(at=_at(-62_135_596_801, "s")), "kind", "at"),
    "a year beyond 64 bits": ("a.parquet", lambda: parquet(at=_at(2**62, "ms")), "kind", "at"),
    "a far day": (
        "a.parquet",
        lambda: parquet(at=pa.array([2_932_897], pa.date32())),
        "kind",
        "at",
    ),
    "infinite number": ("a.csv", lambda: csv(5, cost="inf").encode(), "finite numbers", "cost"),
    "infinite in json": (
        "a.jsonl",
        lambda: json_lines(visit(cost=1)).replace(b"1,", b"1e999,", 99).replace(b"v1", b"v"),
        "finite numbers",
        "cost",
    ),
    "no key": ("a.csv", lambda: csv(5, visit="").encode(), "required value", "visit"),
    "no time": ("a.csv", lambda: csv(5, at="").encode(), "required value", "at"),
    "all-null target": (
        "a.csv",
        (HEADER + row(1, stays="") + row(2, stays="NA")).encode,
        "required column",
        "stays",
    ),
    "NUL byte": ("a.csv", lambda: csv(5, ward="A\0").encode(), "NUL byte", None),
    "ragged": ("a.csv", (csv(5) + "v9,2024-01-01\n").encode, "ragged rows", None),
    "an extra field": ("a.csv", lambda: (csv(5, stays="1,2")).encode(), "ragged rows", None),
    "duplicate header": (
        "a.csv",
        lambda: csv(5).replace("cost", "age", 1).encode(),
        "duplicate header",
        None,
    ),
    "nameless column": (
        "a.csv",
        lambda: csv(5).replace("cost", "", 1).encode(),
        "column name",
        None,
    ),
    "UTF-16": ("a.csv", lambda: csv(5).encode("utf-16"), "encoding", None),
    "UTF-16 without mark": ("a.csv", lambda: csv(5).encode("utf-16-le"), "encoding", None),
    "latin-1": ("a.csv", lambda: csv(5, name="Zoë").encode("latin-1"), "encoding", None),
    "cut inside a letter": ("a.csv", lambda: csv(5, stays="1ë").encode()[:-2], "encoding", None),
    "half a letter in the header": ("a.csv", lambda: b"visit,at,n\xc3", "encoding", None),
    "half a surrogate pair": (
        "a.jsonl",
        lambda: json_lines(visit(ward="\ud800")),
        "encoding",
        None,
    ),
    "half a pair in a name": ("a.jsonl", lambda: b'{"vis\\udc00it": 1}\n', "encoding", None),
    "parquet that is not UTF-8": (
        "a.parquet",
        lambda: parquet(ward=_not_utf8()),
        "encoding",
        "ward",
    ),
    "open quote": ("a.csv", lambda: csv(5, stays='"1').encode(), "quotes", None),
    "gzip bomb": ("a.csv.gz", bomb, "size", None),
    "cut gzip": ("a.csv.gz", lambda: gzip.compress(csv(500).encode())[:-40], "gzip", None),
    "gzip with a wrong sum": (
        "a.csv.gz",
        lambda: gzip.compress(csv(500).encode())[:-8] + b"\1" * 8,
        "gzip",
        None,
    ),
    "cut parquet": ("a.parquet", lambda: parquet()[:-20], "Parquet", None),
    "damaged parquet": (
        "a.parquet",
        lambda: parquet()[:200] + b"\xff" * 40 + parquet()[240:],
        "Parquet",
        None,
    ),
    "not parquet": ("a.parquet", lambda: csv(5).encode(), "format", None),
    "parquet called csv": ("a.csv", parquet, "format", None),
    "json called csv": ("a.csv", lambda: json_lines(visit()), "format", None),
    "unknown format": ("a.xlsx", lambda: b"PK", "format", None),
    "nested parquet": ("a.parquet", lambda: parquet(cost=pa.array([[1.0]])), "kind", "cost"),
    "too many columns": (
        "a.csv",
        lambda: ",".join(f"c{i}" for i in range(2001)).encode(),
        "width",
        None,
    ),
    "a wide field": ("a.csv", lambda: csv(5, ward="A" * (2**20 + 1)).encode(), "width", "ward"),
    "an endless line": ("a.csv", lambda: csv(5, ward="A" * 2**25).encode(), "width", None),
    "not an object": ("a.jsonl", lambda: json_lines(visit(), [1, 2]), "JSON", None),
    "nested": ("a.jsonl", lambda: json_lines(visit(ward=["A"])), "JSON", None),
    "an object": ("a.jsonl", lambda: json_lines(visit(bed={"a": 1})), "unexpected column", "bed.a"),
    "very deep": ("a.jsonl", lambda: b'{"visit":' + b"[" * 99999 + b"\n", "JSON", None),
    "a name twice": ("a.jsonl", lambda: b'{"visit":"a","visit":"b"}\n', "JSON", None),
    "NaN": ("a.jsonl", lambda: json_lines(visit(cost=float("nan"))), "JSON", None),
    "no JSON": ("a.jsonl", lambda: b"{'visit': 1}\n", "JSON", None),
}


def _at(count: int, unit: str, zone: str | None = None) -> pa.Array:
    return pa.array([count], pa.date32() if unit == "day" else pa.timestamp(unit, zone))


def _not_utf8() -> pa.Array:
    """A text column that holds one byte, which begins a letter and does not end it."""
    offsets = pa.array([0, 1], pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"\xc3"))


def _sliced(data: bytes) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(data)).slice(0, 0), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("case", GOOD)
def test_a_good_file_is_accepted(case: str, tmp_path: Path) -> None:
    name, content = GOOD[case]
    examination = examined(tmp_path, name, content())
    assert examination.report.reasons() == ()
    assert examination.report.accepted
    assert examination.rows is not None
    assert pq.read_metadata(examination.rows).num_rows == examination.report.kept > 0


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_by_its_rule(case: str, tmp_path: Path) -> None:
    name, content, rule, column = HOSTILE[case]
    examination = examined(tmp_path, name, content(), people(max_batch_gib=0.06, personal=[]))
    assert not examination.report.accepted
    assert examination.rows is None
    problems = examination.report.problems
    assert rule in {problem.rule for problem in problems}, problems
    if column is not None:
        assert (rule, column) in {(problem.rule, problem.column) for problem in problems}


def test_the_rows_named_are_those_of_the_file(tmp_path: Path) -> None:
    lines = csv(200).splitlines(keepends=True)
    lines[42] = lines[42].replace("T08:30", "T99:30")
    lines[57] = "ragged\n"
    kinds = examined(tmp_path, "a.csv", "".join(lines[:57]).encode()).report.problems
    assert [(problem.rule, problem.rows) for problem in kinds] == [("kind", (42,))]
    ragged = examined(tmp_path, "a.csv", "".join(lines).encode()).report.problems
    assert ("ragged rows", (57,)) in {(problem.rule, problem.rows) for problem in ragged}


SPLICED = [b"\xc3", b"\\ud800", b"\0", b'"', b"\r", b"\n", b",", b"{", b"1e999", b"\x1f\x8b", b""]


@settings(max_examples=80)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 40), st.sampled_from(SPLICED)),
        min_size=1,
        max_size=3,
    ),
)
def test_no_damage_raises_anything(case: str, cuts: list[tuple[int, int, bytes]]) -> None:
    name, content = GOOD[case]
    data = content()
    for place, length, splice in cuts:
        start = place % (len(data) + 1)
        data = data[:start] + splice + data[start + length :]
    with TemporaryDirectory() as folder:
        report = examined(
            Path(folder), name, data, people(suite="tests.suites.open_columns")
        ).report
    assert report.accepted == (report.reasons() == ())


def test_half_a_pair_is_told_by_its_lines_and_a_whole_one_is_text(tmp_path: Path) -> None:
    whole = [visit(visit=f"v{number}", name="\U0001f600") for number in range(3)]
    assert b"\\ud83d\\ude00" in json_lines(*whole)
    assert examined(tmp_path, "a.jsonl", json_lines(*whole)).report.accepted
    torn = json_lines(*whole, visit(name="\ude00"), visit(), visit(name="a\ud83d"))
    (problem,) = examined(tmp_path, "a.jsonl", torn).report.problems
    assert problem.sentence == (
        "encoding: 2 lines hold half of a surrogate pair, which is no text. Rows 4, 6."
    )


def test_a_far_year_is_told_also_where_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    kinds = find_suite("tests.suites.people").columns
    assert kinds is not None
    table = pa.table({name: pa.array([value] * 3) for name, value in visit().items()})
    times = pa.array([0, 2**63 - 1, 1], TYPES["timestamp"])
    table = table.set_column(1, "at", times).set_column(0, "visit", pa.array(["a", "b", "c"]))
    schema = schema_of({name: kind for name, kind in kinds.items() if kind != OPEN})
    path = tmp_path / "a.parquet"
    pq.write_table(table.select(schema.names).cast(schema), path)
    assert ParquetSource(path, 2**30).fits(schema)
    report = examined(tmp_path, "a.parquet", path.read_bytes()).report
    assert [(problem.rule, problem.rows) for problem in report.problems] == [("kind", (2,))]


def test_a_dictionary_bomb_is_refused_and_what_is_read_of_one_fits_into_memory(
    tmp_path: Path,
) -> None:
    """A text of a dictionary is stored once, and stands in every row."""

    def repeated(rows: int, size: int) -> Path:
        texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["A" * size])
        path = tmp_path / f"{rows}.parquet"
        # without Arrow's own schema it is read as plain text
        pq.write_table(pa.table({"ward": texts}), path, store_schema=False)
        return path

    bomb = repeated(131_072, 33_000)  # 4.3 GB in 40 kB: their sum needs more than 32 bits
    assert bomb.stat().st_size < 50_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(BadBatch, match="unfolds past"):
        next(ParquetSource(bomb, 2**29).batches())
    assert pa.default_memory_pool().max_memory() < before + 2**26
    large = ParquetSource(repeated(1024, 900_000), 2**30)
    sizes = [batch.nbytes for batch in large.batches()]
    assert sum(sizes) > 9e8
    assert max(sizes) <= PIECE_BYTES


def test_a_gzip_bomb_fills_neither_disk_nor_memory(tmp_path: Path) -> None:
    examination = examined(tmp_path, "a.csv.gz", bomb(), people(max_batch_gib=0.01))
    assert [problem.rule for problem in examination.report.problems] == ["size"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 8 * 2**20
