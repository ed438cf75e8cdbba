"""A file that nobody described is studied whole, and what is found reads it at every door."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.readers.formats import open_source
from tasks.readers.kinds import schema_of
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.source import BadBatch
from tasks.readers.study import Study, study

LIMIT = 2**30


def studied(folder: Path, name: str, content: str | bytes, said: SourceOptions = PLAIN) -> Study:
    path = folder / "object"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return study(path, name, LIMIT, lambda _: None, said)


def read(folder: Path, name: str, options: SourceOptions) -> dict[str, list[Any]]:
    """Return the rows of what was studied, in the kinds that are inferred with the options."""
    source = open_source(folder / "object", name, LIMIT, options)
    schema = schema_of(source.infer())
    pieces = list(source.pieces(schema))
    assert not any(piece.bad for piece in pieces)
    rows: dict[str, list[Any]] = pa.concat_tables([piece.table for piece in pieces]).to_pydict()
    return rows


rows_of = read


def column_of(values: Sequence[str], name: str = "v") -> str:
    quoted = [f'"{value}"' for value in values]
    return f"{name},w\n" + "".join(f"{value},{n}.5\n" for n, value in enumerate(quoted))


EUROPE = {"decimal": ",", "thousands": "."}
AMERICAN = (
    "timestamp",
    {"format": "%b %d, %Y %I:%M %p"},
    datetime(2024, 1, 5, 15, 4, tzinfo=UTC),
)
ZONED = (
    "timestamp",
    {"format": "%Y-%m-%d %H:%M:%S GMT"},
    datetime(2024, 5, 1, 10, tzinfo=UTC),
)


ASKED = datetime(2024, 1, 31, 14, 5, 9, tzinfo=UTC)
FORM = ("timestamp", {"format": "%Y/%m/%d %I:%M:%S %p GMT%z"}, ASKED)
SHEET = ("timestamp", {"format": "%m/%d/%Y %H:%M:%S"}, ASKED)
OFFSET = ("timestamp", {"format": "%Y-%m-%d %H:%M UTC%z"}, ASKED.replace(second=0))


@pytest.mark.parametrize(
    ("values", "kind", "written", "first"),
    [
        (["12", "?", "7"], "integer", {"missing": ["?"]}, 12),
        (["1.5", "-", "NA", "3"], "number", {"missing": ["-", "NA"]}, 1.5),
        (["€ 1.250,50", "€ 7,0"], "number", {**EUROPE, "strip": "€"}, 1250.5),
        (["£12,345,678", "-£5"], "integer", {"thousands": ",", "strip": "£"}, 12_345_678),
        (["3,5", "12"], "number", {"decimal": ","}, 3.5),
        (["1 234,5", "7"], "number", {"decimal": ",", "thousands": " "}, 1234.5),
        (["40%", "7.5%"], "number", {"strip": "%"}, 40.0),
        (["ja", "nein", "ja"], "boolean", {"true": ["ja"], "false": ["nein"]}, True),
        (["Y", "", "N"], "boolean", {"true": ["Y"], "false": ["N"]}, True),
        (["31.12.2023", "1.2.2024"], "date", {"format": "%d.%m.%Y"}, date(2023, 12, 31)),
        (["12/31/23"], "date", {"format": "%m/%d/%y"}, date(2023, 12, 31)),
        (["?", "2023/1/5"], "date", {"format": "%Y/%m/%d", "missing": ["?"]}, None),
        (["Jan 5, 2024 3:04 PM", "May 6, 2024 11:00 AM"], *AMERICAN),
        (["2024-05-01 10:00:00 GMT", "2024-05-02 10:00:00 GMT"], *ZONED),
        (["5-Mar-2021", "17-Oct-2022"], "date", {"format": "%d-%b-%Y"}, date(2021, 3, 5)),
        (["Jan-1-1995", "Sep-30-2001"], "date", {"format": "%b-%d-%Y"}, date(1995, 1, 1)),
        (["May 1 2000", "June 12 2000"], "date", {"format": "%B %d %Y"}, date(2000, 5, 1)),
        (["1977-Jan", "1978-Dec"], "date", {"format": "%Y-%b"}, date(1977, 1, 1)),
        (["2013-Feb-05", "2013-Mar-1"], "date", {"format": "%Y-%b-%d"}, date(2013, 2, 5)),
        (["March 1999", "May 1999"], "date", {"format": "%B %Y"}, date(1999, 3, 1)),
        (["4111111111111111", "5500000000000004"], "string", {}, "4111111111111111"),
        (["2024/01/31 3:05:09 PM GMT+1", "2024/07/01 11:00:00 AM GMT+2"], *FORM),
        (["2024/01/31 2:05:09 PM GMT", "2024/07/01 11:00:00 AM GMT+1"], *FORM),
        (["1/31/2024 14:05:09", "2/1/2024 6:00:00"], *SHEET),
        (["2024-01-31 14:05 UTC+0", "2024-07-01 06:00 UTC-03:30"], *OFFSET),
    ],
)
def test_texts_are_recognised_and_read_as_written_down(
    values: list[str], kind: str, written: dict[str, Any], first: Any, tmp_path: Path
) -> None:
    found = studied(tmp_path, "a.csv", column_of(values))
    assert found.columns["v"].kind == kind
    assert found.options.written["columns"]["v"] == {"kind": kind, **written}
    assert found.questions == ()
    rows = read(tmp_path, "a.csv", found.options)
    assert rows["v"][0] == first
    gaps = sum(value is None for value in rows["v"])
    assert gaps == found.columns["v"].missing == sum(v in ("", "?", "-", "NA") for v in values)


@pytest.mark.parametrize("mark", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_row_names_that_the_header_has_no_name_for_are_left_out(mark: str, tmp_path: Path) -> None:
    lines = [["weight", "feed"], ["p1", "26.5", "NA"], ["p2", "27.6", "5.2"], ["p3", "31", "6"]]
    content = "".join(mark.join(line) + "\n" for line in lines)
    found = studied(tmp_path, "a.csv", content)
    assert list(found.columns) == ["weight", "feed"]
    assert found.options.leave_out == ("",)
    assert read(tmp_path, "a.csv", found.options)["weight"] == [26.5, 27.6, 31.0]
    # a file of the same columns that is written with a name for each is read alike
    named = "".join(mark.join(line) + "\n" for line in [["", *lines[0]], *lines[1:]])
    (tmp_path / "object").write_text(named)
    assert read(tmp_path, "a.csv", found.options)["weight"] == [26.5, 27.6, 31.0]
    (tmp_path / "object").write_text(content.replace("p1" + mark, ""))
    with pytest.raises(BadBatch, match="another count of fields"):
        read(tmp_path, "a.csv", found.options)


def test_a_title_before_the_header_is_no_header(tmp_path: Path) -> None:
    found = studied(tmp_path, "a.csv", "Weights, 1st herd\npig,weight,feed\np1,26.5,3\np2,27,5\n")
    assert found.options.skip_lines == 1
    assert list(found.columns) == ["pig", "weight", "feed"]


def test_plain_columns_need_no_options(tmp_path: Path) -> None:
    content = "n,x,at,flag,word\n1,0.5,2024-01-01,true,NA\n2,1,2024-01-02,false,?\n"
    found = studied(tmp_path, "a.csv", content)
    assert found.options.written == {}
    kinds = [column.kind for column in found.columns.values()]
    assert kinds == ["integer", "number", "date", "boolean", "string"]
    # In a column of words, what stands for no value elsewhere is a word.
    assert found.columns["word"].missing == 0
    assert found.columns["word"].levels == {"NA": 1, "?": 1}


def test_day_and_month_are_asked_for_with_two_rows(tmp_path: Path) -> None:
    content = column_of(["03/04/2023", "05/06/2023"])
    found = studied(tmp_path, "a.csv", content)
    (question,) = found.questions
    assert question.column == "v"
    assert question.choices == ("%d/%m/%Y", "%m/%d/%Y")
    assert "`03/04/2023` and `05/06/2023`" in question.text
    assert "columns" not in found.options.written
    answered = found.options.model_copy(update={"columns": {"v": found.columns["v"].forms[1]}})
    again = studied(tmp_path, "a.csv", content, answered)
    assert again.questions == ()
    assert again.columns["v"].least == datetime(2023, 3, 4, tzinfo=UTC)


def test_a_lone_group_of_three_is_asked_for(tmp_path: Path) -> None:
    found = studied(tmp_path, "a.csv", column_of(["1,234", "5,678"]))
    assert [question.choices for question in found.questions] == [("decimal .", "decimal ,")]
    sure = studied(tmp_path, "a.csv", column_of(["1,234", "5,678,901"]))
    assert sure.columns["v"].reading is not None
    assert sure.columns["v"].most == 5_678_901


@pytest.mark.parametrize(
    ("others", "kind", "read", "proof"),
    [
        (["6,9", "10,3"], "integer", [35287, 237], "with decimal commas as in w (`6,9`)"),
        (["6.9", "10.3"], "number", [35.287, 237.0], "with decimal points as in w (`6.9`)"),
        (["6,900", "x"], "number", None, ""),
        (["69", "103"], "number", None, ""),
    ],
)
def test_points_before_three_digits_are_settled_by_other_columns_or_asked_for(
    others: list[str], kind: str, read: list[Any] | None, proof: str, tmp_path: Path
) -> None:
    lines = (f"{v};{w}\n" for v, w in zip(["35.287", "237"], others, strict=True))
    found = studied(tmp_path, "a.csv", "v;w\n" + "".join(lines))
    column = found.columns["v"]
    assert (column.kind, [q.choices for q in found.questions if q.column == "v"]) == (
        kind,
        [] if read else [("decimal ,", "decimal .")],
    )
    if read:
        assert rows_of(tmp_path, "a.csv", found.options)["v"] == read
        assert (column.most, column.least) == (max(read), min(read))
        assert any(note.startswith("v: ") and note.endswith(proof) for note in found.notes)


@pytest.mark.parametrize(
    "values",
    [["0.287", "1.123"], ["35.287", "2370"], ["35.287", "1.5"], ["035.287", "1.123"], ["12", "7"]],
)
def test_other_points_are_before_fractions(values: list[str], tmp_path: Path) -> None:
    rows = "".join(f"{value};{n}\n" for n, value in enumerate(values))
    assert studied(tmp_path, "a.csv", f"v;w\n{rows}").questions == ()


def test_numbers_of_json_lines_have_points_before_fractions(tmp_path: Path) -> None:
    content = '{"v": 35.287, "w": "1.234"}\n{"v": 1.5, "w": "237"}\n'
    found = studied(tmp_path, "a.jsonl", content)
    assert [question.column for question in found.questions] == ["w"]


def test_what_a_person_leaves_open_is_found_as_before(tmp_path: Path) -> None:
    content = column_of(["$84,755", "N/A", "gone", "$68,004"])
    said = SourceOptions.model_validate({"columns": {"v": {"decimal": ".", "missing": ["gone"]}}})
    found = studied(tmp_path, "a.csv", content, said)
    assert found.options.written["columns"]["v"] == {
        "kind": "integer",
        "missing": ["gone", "N/A"],
        "thousands": ",",
        "strip": "$",
    }
    assert read(tmp_path, "a.csv", found.options)["v"] == [84755, None, None, 68004]
    assert (found.columns["v"].missing, found.columns["v"].most) == (2, 84755)
    half = SourceOptions.model_validate({"columns": {"v": {"missing": ["gone"]}}})
    assert [q.column for q in studied(tmp_path, "a.csv", content, half).questions] == ["v"]


def test_a_note_shows_a_value_that_the_reading_changes(tmp_path: Path) -> None:
    found = studied(tmp_path, "a.csv", column_of(["Junior", "Senior "]))
    assert found.notes == ("v: `Senior ` reads as Senior",)


@pytest.mark.parametrize(
    ("name", "encoding", "mark", "before"),
    [
        ("a.csv", "utf-8", ";", ""),
        ("a.csv", "utf-8-sig", "|", ""),
        ("a.tsv", "utf-8", "\t", ""),
        ("a.txt", "cp1252", ";", ""),
        ("a.csv", "utf-16", "\t", ""),
        ("a.csv", "utf-16-le", ";", ""),
        ("a.csv", "utf-8", ";", "sep=;\n"),
        ("a.csv", "utf-8", " ", ""),
        ("a.csv", "utf-8", ",", "Umsätze 2024\nerstellt am 5.1.\n\n"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_dialects(
    name: str, encoding: str, mark: str, before: str, packed: bool, tmp_path: Path
) -> None:
    lines = [("Straße", "betrag", "n"), *((f"Mühlweg-{n}", f'"{n},25"', str(n)) for n in range(50))]
    content = (before + "".join(mark.join(line) + "\n" for line in lines)).encode(encoding)
    name = f"{name}.gz" if packed else name
    found = studied(tmp_path, name, gzip.compress(content) if packed else content)
    assert list(found.columns) == ["Straße", "betrag", "n"]
    assert found.rows == 50
    rows = read(tmp_path, name, found.options)
    assert rows["Straße"][7] == "Mühlweg-7"
    assert rows["betrag"][7] == 7.25


def test_an_encoding_that_is_not_evident_is_asked_for(tmp_path: Path) -> None:
    content = "город,n\n" + "".join(f"Москва,{n}\n" for n in range(30))
    found = studied(tmp_path, "a.csv", content.encode("cp1251"))
    (question,) = found.questions
    assert question.column == ""
    assert "cp1251" in question.choices
    given = SourceOptions(encoding="cp1251")
    assert list(studied(tmp_path, "a.csv", content.encode("cp1251"), given).columns) == [
        "город",
        "n",
    ]


def test_an_index_without_a_name_is_left_out_and_said(tmp_path: Path) -> None:
    content = ",x\n" + "".join(f"{n},{n}.5\n" for n in range(20))
    found = studied(tmp_path, "a.csv", content)
    assert found.options.leave_out == ("",)
    assert list(read(tmp_path, "a.csv", found.options)) == ["x"]
    assert any("without a name is left out" in note for note in found.notes)
    with pytest.raises(BadBatch, match=r"source\.leave_out"):
        open_source(tmp_path / "object", "a.csv", LIMIT)


def test_names_are_as_written(tmp_path: Path) -> None:
    names = ['size, "big"', "weight [kg]", "größe", "select"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    found = studied(tmp_path, "a.csv", f"{header}\n1,2,3,4\n")
    assert list(found.columns) == names
    assert read(tmp_path, "a.csv", found.options)['size, "big"'] == [1]


@pytest.mark.parametrize("header", ["temp,Temp,y", "gr\u00f6\u00dfe,gro\u0308\u00dfe,y"])
def test_names_that_only_look_alike_are_refused_in_one_sentence(
    header: str, tmp_path: Path
) -> None:
    with pytest.raises(BadBatch, match="Columns 1 and 2 have the same name"):
        studied(tmp_path, "a.csv", f"{header}\n1,2,3\n")


def test_a_late_value_is_seen(tmp_path: Path) -> None:
    rows = ["7,01.02.2023"] * 150_000 + ["12.5,31.12.2023"]
    found = studied(tmp_path, "a.csv", "amount,day\n" + "\n".join(rows) + "\n")
    assert found.columns["amount"].kind == "number"
    assert found.columns["amount"].most == 12.5
    assert found.columns["day"].reading is not None
    assert found.columns["day"].reading.format == "%d.%m.%Y"


def test_keys_running_numbers_constants_and_codes(tmp_path: Path) -> None:
    rows = [f"{n},K{n % 7},{n:05d},5,{'NA' if n % 9 else n}" for n in range(1, 200)]
    found = studied(tmp_path, "a.csv", "no,word,code,same,part\n" + "\n".join(rows)).columns
    assert [name for name, column in found.items() if column.unique] == ["no", "code"]
    assert [name for name, column in found.items() if column.running] == ["no"]
    assert [name for name, column in found.items() if column.constant] == ["same"]
    assert [name for name, column in found.items() if column.code] == ["code"]
    assert found["code"].kind == "string"
    assert found["word"].distinct == 7
    assert found["part"].missing == sum(bool(n % 9) for n in range(1, 200))


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_counts_since_1970_are_recognised_and_shown(unit: str, factor: int, tmp_path: Path) -> None:
    start = 1_704_067_200
    lines = [json.dumps({"seen_at": (start + 60 * n) * factor, "x": n % 5}) for n in range(40)]
    found = studied(tmp_path, "a.jsonl", "\n".join(lines))
    assert found.options.written["columns"] == {"seen_at": {"kind": "timestamp", "unit": unit}}
    assert any(f"`{start * factor}` reads as 2024-01-01 00:00" in note for note in found.notes)
    rows = read(tmp_path, "a.jsonl", found.options)
    assert rows["seen_at"][1] == datetime(2024, 1, 1, 0, 1, tzinfo=UTC)


def test_a_time_in_several_columns(tmp_path: Path) -> None:
    lines = [f"{1 + n // 24}.7.2023,{n % 24},{n}" for n in range(24 * 20)]
    found = studied(tmp_path, "a.csv", "day,hr,n\n" + "\n".join(lines))
    assert found.options.written["derive"] == {
        "time": {"from": ["day", "hr"], "format": "%d.%m.%Y %H"}
    }
    rows = read(tmp_path, "a.csv", found.options)
    assert rows["time"][25] == datetime(2023, 7, 2, 1, tzinfo=UTC)
    months = studied(tmp_path, "a.csv", "year,month,n\n" + "2023,1,3\n2023,12,4\n")
    assert months.columns["time"].kind == "date"
    assert str(read(tmp_path, "a.csv", months.options)["time"][1]) == "2023-12-01"


def test_types_that_no_table_holds_are_named_at_once_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "object"
    cents = [Decimal("252568.11"), Decimal("959977.57")]
    paris = pa.array([datetime(2024, 7, 1, 12), datetime(2024, 7, 2, 12)]).cast(
        pa.timestamp("ns", "Europe/Paris")
    )
    columns = {
        "at": paris,
        "paid": pa.array(cents, pa.decimal128(12, 2)),
        "tags": pa.array([[1], [2]]),
        "took": pa.array([timedelta(1), timedelta(2)]),
        "blob": pa.array([b"x", b"y"]),
    }
    pq.write_table(pa.table(columns), path)
    with pytest.raises(BadBatch) as caught:
        open_source(path, "a.parquet", LIMIT).infer()
    assert len(caught.value.problems) == 1
    assert 'source.leave_out: ["tags", "took", "blob"]' in str(caught.value)
    found = study(path, "a.parquet", LIMIT, lambda _: None)
    assert found.options.written == {"leave_out": ["tags", "took", "blob"]}
    rows = read(tmp_path, "a.parquet", found.options)
    assert rows["paid"] == [252568.11, 959977.57]
    assert rows["at"][0] == datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"visit,at,n\xc3", "Line 1 is not UTF-8"),
        ("a.jsonl", b'{"x": "\\ud800"}\n', "half of a surrogate pair"),
        ("a.xlsx", b"PK\x03\x04", "A spreadsheet is not read. Save it as CSV or Parquet."),
        ("a.orc", b"ORC", "ORC is not read"),
        ("a.avro", b"Obj\x01", "Avro is not read"),
        ("a.csv", b"", "The file is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    name: str, content: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(BadBatch, match=told) as caught:
        studied(tmp_path, name, content)
    assert len(caught.value.problems) == 1


def test_a_delimiter_that_was_not_said_is_named(tmp_path: Path) -> None:
    (tmp_path / "object").write_text("at;price;y\n2024-01-01;1,5;0\n")
    with pytest.raises(BadBatch, match=r'2 semicolons in it\. Set source\.delimiter: ";"'):
        open_source(tmp_path / "object", "a.csv", LIMIT)


def test_a_later_file_in_utf_8_is_not_read_as_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "object").write_text("city,n\nKöln,1\n", encoding="utf-8")
    with pytest.raises(BadBatch, match="The file is UTF-8"):
        open_source(tmp_path / "object", "a.csv", LIMIT, SourceOptions(encoding="cp1252"))
    (tmp_path / "object").write_bytes("city,n\nKöln,1\n".encode("cp1252"))
    options = SourceOptions(encoding="cp1252")
    assert read(tmp_path, "a.csv", options) == {"city": ["Köln"], "n": [1]}


def test_nested_values_of_json_lines_are_named_at_once_and_left_out(tmp_path: Path) -> None:
    rows = [{"n": n, "tags": ["a"], "spot": {"lat": n, "of": [1]}} for n in range(30)]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "object").write_text(content)
    with pytest.raises(BadBatch) as caught:
        open_source(tmp_path / "object", "a.jsonl", LIMIT).infer()
    (problem,) = caught.value.problems
    told = "A table cannot hold tags (a list), spot.of (a list). Leave them out: "
    assert problem.message == f'{told}source.leave_out: ["tags", "spot.of"].'
    found = studied(tmp_path, "a.jsonl", content)
    assert found.options.written == {"leave_out": ["tags", "spot.of"]}
    rows = {"n": [*range(30)], "spot.lat": [*range(30)]}
    assert read(tmp_path, "a.jsonl", found.options) == rows
    for left in (("tags", "spot"), ("tags", "spot.of", "spot.lat")):
        options = SourceOptions(leave_out=left)
        assert read(tmp_path, "a.jsonl", options) == {"n": [*range(30)]}


def test_objects_in_json_lines_are_unfolded_and_null_ones_are_no_columns(tmp_path: Path) -> None:
    rows = [
        {"n": 1, "wind": None, "town": {"name": "Ulm", "at": {"lat": 48.4}}},
        {"n": 2, "wind": {"speed": 3, "from": None}, "town": {"name": "Brest", "at": None}},
        {"n": 3, "wind": {}, "town": None},
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    found = studied(tmp_path, "a.jsonl", content)
    assert found.options.written == {}
    expected = {
        "n": [1, 2, 3],
        "town.name": ["Ulm", "Brest", None],
        "town.at.lat": [48.4, None, None],
        "wind.speed": [None, 3, None],
        "wind.from": [None, None, None],
    }
    assert read(tmp_path, "a.jsonl", PLAIN) == expected
    assert set(found.columns) == set(expected)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"a": {"b": 1}, "a.b": 2}, "a.b (twice in one row)"),
        (json.loads('{"a":' * 30 + "1" + "}" * 30), "(objects more than 20 deep)"),
    ],
)
def test_an_object_that_no_columns_can_be_made_of_is_named(
    row: dict[str, Any], told: str, tmp_path: Path
) -> None:
    (tmp_path / "object").write_text(json.dumps({"n": 1}) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(BadBatch) as caught:
        read(tmp_path, "a.jsonl", PLAIN)
    assert told in str(caught.value)
    assert caught.value.problems[0].rows == (2,)


def test_quotes_around_line_ends_are_quotes_however_the_sample_is_cut(tmp_path: Path) -> None:
    rows = "".join(f'{n},"first\n""second"", {n}"\n' for n in range(150))
    found = studied(tmp_path, "a.csv", f"n,note\n{rows}")
    assert (found.rows, found.options.quote) == (150, '"')
    inches = "".join(f'{n},{n}" pipe\n' for n in range(151))
    assert studied(tmp_path, "a.csv", f"n,size\n{inches}").options.quote == ""


def test_infinite_numbers_are_no_values(tmp_path: Path) -> None:
    found = studied(tmp_path, "a.csv", column_of(["1.5", "inf", "-Infinity", "2"]))
    assert (found.columns["v"].kind, found.columns["v"].missing) == ("number", 2)
    assert read(tmp_path, "a.csv", found.options)["v"] == [1.5, None, None, 2.0]


def test_a_name_over_two_lines_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadBatch, match="write each name on one line"):
        studied(tmp_path, "a.csv", '"x in\ncm",y\n1,2\n')
