"""Targets that are easily mistaken, and tables that prove little."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.tables.awkward.scene import ROWS, Draw, Scene, days, one, plain


def visits(draw: Draw) -> pd.DataFrame:
    x = draw.normal(size=ROWS)
    return pd.DataFrame({"x": x.round(3), "y": draw.poisson(np.exp(0.5 * x + 0.5))})


def stars(draw: Draw) -> pd.DataFrame:
    x = draw.normal(size=ROWS)
    given = np.clip(np.round(3 + x + 0.4 * draw.normal(size=ROWS)), 1, 5)
    return pd.DataFrame({"x": x.round(3), "rating": given})


def species(draw: Draw, rows: int, words: tuple[str, ...]) -> pd.DataFrame:
    """Make as many kinds as there are words, three apart in length with a spread of one."""
    kind = draw.integers(0, len(words), rows)
    length = (40 + 3 * kind + draw.normal(size=rows)).round(1)
    return pd.DataFrame({"length": length, "y": np.array(words)[kind]})


def unmarked(draw: Draw) -> pd.DataFrame:
    """Leave some kinds unknown, as R writes it."""
    made = species(draw, ROWS, ("elm", "oak", "ash"))
    made.loc[draw.random(ROWS) < 0.1, "y"] = "NA"
    return made


def spelt_twice(draw: Draw) -> pd.DataFrame:
    made = species(draw, ROWS, ("elm", "oak", "ash"))
    made.loc[:9, "y"] = "Oak "
    made.loc[10:14, "y"] = "OAK"
    return made


def graded(draw: Draw) -> pd.DataFrame:
    return species(draw, ROWS, ("A", "A-", "B+"))


def single(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(y="up")


def sorted_by_target(draw: Draw) -> pd.DataFrame:
    """Sort the file by its target, as many tables of textbooks are."""
    return species(draw, ROWS, ("elm", "oak", "ash")).sort_values("y")


def new_kind(draw: Draw) -> pd.DataFrame:
    """Let a fourth kind appear in the last rows, which a model of the others never saw."""
    made = species(draw, 1000, ("elm", "oak", "ash")).assign(seen=days("%Y-%m-%d", rows=1000))
    late = (made.index >= 900) & (draw.random(1000) < 0.4)
    made.loc[late, ["length", "y"]] = (60.0, "yew")
    return made


def gaps(draw: Draw) -> pd.DataFrame:
    made = plain(draw)
    made.loc[draw.random(ROWS) < 0.3, "y"] = None
    return made


def names(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(y=[f"name {n}" for n in range(ROWS)])


def lone(draw: Draw) -> pd.DataFrame:
    made = species(draw, ROWS, ("elm", "oak", "ash"))
    made.loc[3, "y"] = "yew"
    return made


UNFIT = (
    "--target: y is a quantity, or words that come again and again; got {}. Choose another column "
    "as the target."
)
SCENES = (
    Scene(
        "counts",
        one(visits),
        declared={"task": "regression"},
        told=("in even steps: a count or a rating. Otherwise: --task multiclass.",),
    ),
    Scene(
        "ratings",
        one(stars),
        "rating",
        declared={"task": "regression"},
        told=("1 to 5 in even steps: a count or a rating. Otherwise: --task multiclass.",),
    ),
    Scene(
        "ratings-as-classes",
        one(stars),
        "rating",
        words=("--task", "multiclass"),
        declared={"task": "multiclass"},
        told=("task      multiclass: as asked.",),
    ),
    Scene(
        "yes-and-no",
        one(lambda draw: plain(draw).replace({"up": "ja", "down": "nein"})),
        declared={"task": "binary", "source.columns": {}},
        told=("y: `ja` and `nein` are two classes, which answers call so",),
        asks=(({"x": 2.5}, "ja"), ({"x": -2.5}, "nein")),
    ),
    Scene(
        "true-and-false",
        one(lambda draw: plain(draw).replace({"up": "ja", "down": "nein"})),
        words=("--set", "source.columns.y.true=[ja]", "--set", "source.columns.y.false=[nein]"),
        asks=(({"x": 2.5}, True), ({"x": -2.5}, False)),
    ),
    Scene(
        "ones",
        one(lambda draw: plain(draw).replace({"up": 1, "down": 0})),
        declared={"task": "binary"},
    ),
    Scene("one-class", one(single), refused=UNFIT.format("one value throughout")),
    Scene(
        "forty",
        one(lambda draw: plain(draw, 40)),
        rows=40,
        untrained="pipeline forty: at least 50 rows have a target; got 40. Ingest more, or wait "
        "for labels.",
    ),
    Scene(
        "small",
        one(lambda draw: species(draw, 120, ("elm", "oak", "ash"))),
        rows=120,
        words=("--set", "training.evidence=auto"),
    ),
    Scene(
        "no-kind",
        one(unmarked),
        told=("rows is no value. If it is a class: --set 'source.columns.\"y\".missing=[]'",),
        declared={"task": "multiclass"},
    ),
    Scene(
        "kind-of-its-own",
        one(unmarked),
        words=("--set", 'source.columns."y".missing=[]'),
        told=("multiclass: y has 4 words",),
    ),
    Scene(
        "spelt-twice",
        one(spelt_twice),
        told=("Oak is oak in another spelling; OAK is oak in another spelling: ingest holds",),
        held="unknown class (y): Oak is oak in another spelling, and would be learned as another "
        "class. OAK is oak in another spelling, and would be learned as another class. Rows 1, 11. "
        "Accept the change with `perennial schema spelt-twice --accept {batch}`: Oak is a class of "
        "its own; OAK is a class of its own.",
    ),
    Scene("grades", one(graded), declared={"task": "multiclass"}),
    Scene("sorted", one(sorted_by_target), reaches=("log_loss", 0.4)),
    Scene("new-kind", one(new_kind), rows=1000),
    Scene("gaps", one(gaps)),
    Scene(
        "names-as-target",
        one(names),
        refused=UNFIT.format("more different texts than classes can be"),
    ),
    Scene("lone-class", one(lone)),
)
