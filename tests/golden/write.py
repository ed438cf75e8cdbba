"""Write one of everything that is stored, by the release whose tree it is run in.

From TREE, `PYTHONPATH=TREE python tests/golden/write.py LIFE FOLDER` makes FOLDER.tar.xz. LIFE is
the module that lives the pipeline with that release's calls, `tests.golden.life` for this tree.
"""

from __future__ import annotations

import importlib
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd

KEY = "a signing key"
SECTIONS = {
    "retraining": {"policy": "new_rows 50%", "cooldown": "0s"},
    "gate": {"min_gain": -0.5, "max_slice_loss": 0.9, "confidence": 0.51},
}
PAGES = {".html", ".md", ".png"}


def toy_rows(count: int, start: int = 0) -> pd.DataFrame:
    """Make rows whose target follows from size and colour, with noise; one an hour."""
    draw = np.random.default_rng([1, start])
    size = draw.normal(size=count)
    colour = draw.choice(["red", "green", "blue"], count)
    score = 1.5 * size + (colour == "red") + draw.normal(size=count)
    return pd.DataFrame(
        {
            "id": np.arange(start, start + count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=start),
            "size": np.where(draw.random(count) < 0.05, np.nan, size).round(2),
            "colour": colour,
            "high": pd.array(score > 0.5, "Int64"),
        }
    )


def write(module: str, folder: Path) -> None:
    """Live a life that leaves one of everything under `folder`, and drop the pages of it."""
    bucket, home = folder / "bucket", folder / "home"
    life = importlib.import_module(module).Life(bucket, KEY, SECTIONS)
    life.ingest("a.csv", toy_rows(300))
    (first,) = life.monitor()
    assert life.train("train-1", first) == "promoted"
    late = toy_rows(250, start=300)
    life.ingest("b.csv", late.assign(high=late["high"].where(late.index < 200)))
    life.label("late.csv", late.loc[200:, ["id", "high"]])
    life.label("bad.csv", late.loc[200:, ["id", "high"]].assign(high="none"))
    life.ingest("bad.csv", toy_rows(20, start=700).assign(high=7))
    *_, second = life.monitor()
    assert life.train("train-2", second) == "promoted"
    life.rollback()
    life.try_beside(2)
    life.ingest("c.csv", toy_rows(50, start=550))
    life.monitor()
    life.stumble("d.csv", toy_rows(5, start=900))
    life.score("score-1")
    life.pin_scoring()
    life.backtest()
    life.answer(home / "spool")
    life.ship(home / "spool")
    prepared = toy_rows(300).astype({"size": "float32"})
    made = life.families(prepared, prepared["high"].to_numpy(np.int64))
    for family, files in made.items():
        for name, data in files.items():
            path = folder / "families" / family / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    life.end()
    left = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in PAGES]
    with tarfile.open(folder.with_suffix(".tar.xz"), "w:xz") as archive:
        for path in sorted(left):
            archive.add(path, path.relative_to(folder))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]).resolve())
