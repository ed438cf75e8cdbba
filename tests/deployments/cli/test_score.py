from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from deployments.cli.score import Bar, bring_output, bring_source, score, summary
from tasks.config import Pipeline, find_pipeline
from tasks.errors import ConfigurationError
from tasks.scoring.forms import check_form
from tasks.scoring.judgement import Labelled, make_entry, share_seen
from tasks.settings import REPOSITORY
from tasks.workspace import Workspace
from tests.buckets import local
from tests.lineage import LINEAGE

NOON = datetime(2026, 1, 1, 12)


def workspace() -> Workspace:
    pipeline = find_pipeline("toy", REPOSITORY / "tests" / "pipelines")
    bucket = local()
    return Workspace(bucket, pipeline.name, "c", pipeline=pipeline, home=bucket.folder)


def test_a_source_is_a_file_here_or_lies_in_the_bucket(tmp_path: Path) -> None:
    toy, path = workspace(), tmp_path / "new.csv"
    path.write_text("id\n1\n")
    key = bring_source(toy, str(path))
    assert toy.bucket.get(key) == b"id\n1\n"
    assert bring_source(toy, key) == key
    toy.bucket.put("toy/table/_delta_log/0.json", b"")
    assert bring_source(toy, "toy/table/") == "toy/table/"
    assert bring_source(toy, "curated") == "curated"
    assert bring_source(toy, "s3://perennial/a.csv") == "s3://perennial/a.csv"
    with pytest.raises(ConfigurationError, match=r"neither an object nor a table lies in"):
        bring_source(toy, "toy/nothing.csv")


def test_a_file_that_is_not_here_is_said_with_the_nearest_that_is(tmp_path: Path) -> None:
    (tmp_path / "april.csv").write_text("id\n1\n")
    with pytest.raises(ConfigurationError) as caught:
        bring_source(workspace(), str(tmp_path / "aprli.csv"))
    assert str(caught.value).endswith("no file of this name is here. Did you mean april.csv?")
    with pytest.raises(ConfigurationError, match=r"missing\.csv: no file of this name is here\."):
        bring_source(workspace(), "missing.csv")


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.jsonl"])
def test_what_the_outputs_name_asks_for_comes_out(name: str, tmp_path: Path) -> None:
    toy = workspace()
    table = pa.table({"id": [1, 2], "high_predicted": ["yes", "no"], "at": [NOON, None]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=1)
    toy.bucket.put("toy/scored/a/predictions.parquet", sink.getvalue().to_pybytes())
    bring_output(toy, "toy/scored/a/predictions.parquet", tmp_path / name)
    read = pd.read_json if "jsonl" in name else pd.read_csv
    frame = read(tmp_path / name, **({"lines": True} if "jsonl" in name else {}))
    assert frame[["id", "high_predicted"]].to_numpy().tolist() == [[1, "yes"], [2, "no"]]
    assert [path.name for path in tmp_path.iterdir()] == [name], "no part of a file is left"


def test_a_text_that_a_spreadsheet_would_run_is_marked_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    toy = workspace()
    keys = ["=cmd()", "+1", "-1", "@sum", "\tx", "a=1", None]
    table = pa.table({"=id": keys, "ward": pa.array(["-", *"bcdefg"]).dictionary_encode()})
    table = table.append_column("cost", pa.array([-1.5] * 7))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    toy.bucket.put("toy/scored/b/predictions.parquet", sink.getvalue().to_pybytes())
    read = {}
    for spreadsheet in (False, True):
        bring_output(
            toy, "toy/scored/b/predictions.parquet", tmp_path / "o.csv", spreadsheet=spreadsheet
        )
        with (tmp_path / "o.csv").open(newline="") as file:
            read[spreadsheet] = list(csv.reader(file))
    assert read[False] == [["=id", "ward", "cost"]] + [
        [key or "", ward, "-1.5"] for key, ward in zip(keys, "-bcdefg", strict=True)
    ]
    assert read[True][0] == ["'=id", "ward", "cost"]
    marked = ["'=cmd()", "'+1", "'-1", "'@sum", "'\tx", "a=1", ""]
    assert [line[0] for line in read[True][1:]] == marked
    assert (read[True][1][1], read[True][1][2]) == ("'-", "-1.5")
    for output in ("o.parquet", "o.jsonl", "s3://perennial/o"):
        with pytest.raises(ConfigurationError, match="--spreadsheet is for a file here of CSV"):
            check_form(output, spreadsheet=True)


def test_a_name_that_promises_another_form_is_refused_before_anything_is_scored() -> None:
    for name in ("out.xlsx", "out.tsv", "s3://perennial/out.csv"):
        with pytest.raises(ConfigurationError, match=r"predictions are written as Parquet"):
            check_form(name)


def test_a_folder_that_is_not_there_is_said_before_anything_is_scored(tmp_path: Path) -> None:
    out = str(tmp_path / "no" / "out.parquet")
    said = CliRunner().invoke(score, ["toy", "in.csv", out])
    assert isinstance(said.exception, ConfigurationError)
    assert "folder" in str(said.exception)


def test_shares_are_one_bar_on_a_terminal_and_lines_elsewhere(capsys) -> None:
    lines = ["Started", "25% scored: 1 of 4 rows", "100% scored: 4 of 4 rows", "Version 1 scored"]
    said: list[str] = []
    with Bar(said.append, terminal=True) as bar:
        for line in lines:
            bar(line)
    drawn = capsys.readouterr().err
    assert said == ["Started", "Version 1 scored"]
    assert drawn.count("\r") == 2
    assert drawn.endswith("100% scored: 4 of 4 rows\n")
    plain: list[str] = []
    with Bar(plain.append, terminal=False) as bar:
        for line in lines:
            bar(line)
    assert plain == lines


def test_the_summary_says_what_was_there_from_before() -> None:
    said = summary({"rows": 1000, "version": 3, "resumed_parts": 2})
    assert said == "1,000 rows scored by version 3. 2 parts were there from before."


@pytest.mark.parametrize(
    ("times", "event_time", "told"),
    [
        (["2030-01-02", "2030-01-03"], "t", ""),
        (["2020-01-01", "2030-01-03"], "t", "50.0% of these rows are no later than what version 3"),
        (["1970-01-01", "1970-01-01"], None, "Nothing tells whether version 3 learned from these"),
    ],
)
def test_a_figure_on_rows_that_may_be_known_says_so(
    times: list[str], event_time: str | None, told: str
) -> None:
    labelled = Labelled(
        "y", event_time, (), np.zeros(2), np.zeros(2), np.array(times, "datetime64[us]")
    )
    lineage = replace(LINEAGE, naive={"last": 0.0} if event_time else {})
    figure = {"value": 1.0, "low": 0.5, "high": 1.5}
    outcome = {"rows": 2, "version": 3, "labelled": 2, "metric": "rmse", "object": "a/b.csv"}
    judged = {"metrics": {"rmse": figure}, "baselines": {"mean": 2.0}}
    before = summary({**outcome, **judged})
    outcome |= {"seen": share_seen(lineage, labelled), **judged}
    assert summary(outcome).removeprefix(before).lstrip().startswith(told)
    assert (summary(outcome) == before) == (told == "")
    pipeline = Pipeline(name="a", task="regression", target="y", event_time=event_time)
    entry = make_entry(pipeline, "0" * 32, outcome)
    assert entry.summary.endswith("learned from" if told else "labelled rows")
