"""What an awkward table is, and what must come of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS = 500
Draw = np.random.Generator
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Later:
    """What comes of a further file.

    Attributes:
        says: an accepted one's line of the report, or every reason of a refused one; `{batch}`
            is its id, cut as a person sees it.
    """

    outcome: str
    says: str


@dataclass(frozen=True)
class Scene:
    """One awkward table.

    Attributes:
        files: makes the bytes of each file by its name, in the order in which they come.
        target, words: for `perennial new`.
        refused: all that `new` says where it writes nothing; `{file}` is the file's path.
        held: all reasons why the first file is held.
        untrained: all that a training says where it puts nothing in service.
        told: lines that `new` prints.
        declared: what the pipeline file must say, by its attribute.
        rows: of the first file that land.
        uses, spares: columns that the model must look at, and must not.
        reaches: a metric, and the least that it must be; the most, where less is better.
        asks: rows, and what the API must answer to each.
        later: what comes of each further file.
        often: whether it runs at every run, not in the soak alone.
    """

    name: str
    files: Callable[[Draw], Files]
    target: str = "y"
    words: tuple[str, ...] = ()
    refused: str = ""
    held: str = ""
    untrained: str = ""
    told: tuple[str, ...] = ()
    declared: Mapping[str, Any] = field(default_factory=dict)
    rows: int = ROWS
    uses: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()
    reaches: tuple[str, float] | None = None
    asks: tuple[tuple[Mapping[str, Any], Any], ...] = ()
    later: tuple[Later, ...] = ()
    often: bool = False


def write(scene: Scene, folder: Path) -> list[Path]:
    """Write the files of a scene, always the same, in the order in which they come."""
    draw = np.random.default_rng(zlib.crc32(scene.name.encode()))
    paths = []
    for name, content in scene.files(draw).items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def plain(draw: Draw, rows: int = ROWS, noise: float = 0.5) -> pd.DataFrame:
    """Make a number that decides between two words, with noise."""
    x = draw.normal(size=rows)
    y = np.where(x + noise * draw.normal(size=rows) > 0, "up", "down")
    return pd.DataFrame({"x": x.round(3), "y": y})


def days(form: str, start: str = "2022-11-03", rows: int = ROWS) -> list[str]:
    """Return a day for each row, as it is written."""
    return pd.date_range(start, periods=rows, freq="D").strftime(form).tolist()


def csv(frame: pd.DataFrame, **how: Any) -> bytes:
    return frame.to_csv(index=False, **how).encode()


def one(build: Callable[[Draw], pd.DataFrame]) -> Callable[[Draw], Files]:
    """Return what makes one plain CSV file of a table."""
    return lambda draw: {"table.csv": csv(build(draw))}
