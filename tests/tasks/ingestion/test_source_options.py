"""What `source:` says of a pipeline's files holds for rows, labels, scoring and explaining."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl

from tasks.explanation.file import explain_file
from tasks.ingestion.entrance import Entrance
from tasks.ingestion.labels import open_labels
from tasks.ingestion.land import land
from tasks.ingestion.rows import open_rows
from tasks.readers.study import study
from tasks.scoring.score import score_source
from tests.life import toy_rows, toy_workspace, train

COLOURS = {"red": "weiß", "green": "grün", "blue": "blau"}


def german(rows: pd.DataFrame) -> bytes:
    """Return rows as a German office writes them: an index, two columns of time, commas, cp1252."""
    sizes = ["?" if pd.isna(size) else f"{size:.4f}".replace(".", ",") for size in rows["size"]]
    written = pd.DataFrame(
        {
            "": range(len(rows)),
            "tag": rows["at"].dt.strftime("%d.%m.%Y"),
            "stunde": rows["at"].dt.hour,
            "id": rows["id"],
            "size": sizes,
            "colour": rows["colour"].map(COLOURS),
            "high": rows["high"].map({1: "ja", 0: "nein"}),
        }
    )
    return b"sep=;\n" + written.to_csv(index=False, sep=";").encode("cp1252")


def test_one_reader_at_every_door(tmp_path: Path) -> None:
    rows = toy_rows(600)
    path = tmp_path / "rows.csv"
    path.write_bytes(german(rows))
    found = study(path, path.name, 2**30, lambda _: None)
    assert found.questions == ()
    written = found.options.written
    assert written.pop("derive")["time"]["from"] == ["tag", "stunde"]
    parts = {"from": ["tag", "stunde"], "format": "%d.%m.%Y %H"}
    written |= {"derive": {"at": parts}, "leave_out": ["", "tag", "stunde"]}
    toy = toy_workspace(
        tmp_path, source=written, gate={"min_gain": -1}, monitoring={"labels": "delayed"}
    )

    def drop(name: str, content: bytes, entrance: Entrance) -> str:
        toy.bucket.put(entrance.incoming + name, content)
        return entrance.incoming + name

    rows_door, labels_door = Entrance("rows", toy.layout), Entrance("labels", toy.layout)
    landed = land(open_rows(toy), drop("a.csv", german(rows), rows_door), lambda _: None)
    assert landed.outcome == "accepted", landed.reasons
    curated = pl.from_arrow(toy.curated.rows())
    assert isinstance(curated, pl.DataFrame)
    ours = curated.sort("id")
    assert ours["size"].round(4).to_list() == pl.Series(rows["size"], nan_to_null=True).to_list()
    assert ours["at"].dt.replace_time_zone(None).to_list() == rows["at"].dt.to_pydatetime().tolist()
    assert ours["high"].to_list() == rows["high"].tolist()
    assert train(toy).outcome == "promoted"

    later = toy_rows(40, start=600).assign(high=None)
    landed = land(open_rows(toy), drop("b.csv", german(later), rows_door), lambda _: None)
    assert landed.outcome == "accepted", landed.reasons
    labels = "id;high\n" + "".join(f"{row};ja\n" for row in later["id"])
    key = drop("labels.csv", ("sep=;\n" + labels).encode("cp1252"), labels_door)
    told = land(open_labels(toy), key, lambda _: None)
    assert told.counts is not None and told.counts.new == 40

    toy.bucket.put("toy/new.csv", german(later))
    scored = score_source(toy, "toy/new.csv", "toy/scores/new.parquet")
    assert scored["rows"] == 40
    path.write_bytes(german(later))
    explained = explain_file(toy, path, 3)
    assert [key["id"] for key in explained.keys] == ["600", "601", "602"]
