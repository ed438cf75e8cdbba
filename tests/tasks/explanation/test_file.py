"""Explaining the rows of a file here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tasks.explanation.file import explain_file
from tests import life


def test_a_pipeline_without_a_key_explains_each_row_by_its_number(tmp_path: Path) -> None:
    keyed = life.toy_workspace(tmp_path, gate={"min_gain": -1})
    workspace = replace(keyed, pipeline=keyed.pipeline.model_copy(update={"key": ()}))
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    assert life.train(workspace, told=False).outcome == "promoted"
    path = tmp_path / "new.csv"
    life.toy_rows(5, start=900).drop(columns="high").to_csv(path, index=False)
    explained = explain_file(workspace, path, 3)
    assert explained.keys == ({}, {}, {})
    rows = explained.to_dict()["rows"]
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert all(row["explanation"]["contributions"] for row in rows)
