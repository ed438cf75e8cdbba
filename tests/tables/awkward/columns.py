"""Columns that are easily taken for something else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.tables.awkward.scene import ROWS, Draw, Files, Scene, csv, days, one, plain

LATE = 100_001
NAMES = ('say "no", or', "{yes}: on", "🌡️ °C", "select", "a.b/c[0]")


def marked(draw: Draw) -> pd.DataFrame:
    """Write NA and ? among the numbers that decide; NA is a word of another column."""
    depth, slope = draw.normal(60, 15, ROWS).round(1), draw.integers(0, 40, ROWS)
    pool = draw.choice(["NA", "indoor", "garden"], ROWS)
    rent = 12 * depth + 5 * slope + 300 * (pool == "NA") + draw.normal(0, 20, ROWS)
    made = pd.DataFrame({"depth": depth.astype(str), "slope": slope.astype(str), "pool": pool})
    made.loc[draw.random(ROWS) < 0.05, "depth"] = "NA"
    made.loc[draw.random(ROWS) < 0.05, "slope"] = "?"
    return made.assign(rent=rent.round(1))


def coded(draw: Draw) -> pd.DataFrame:
    """Write shops and areas with zeros in front; the area decides, and 070 is not 70."""
    area = draw.choice(["070", "70", "0081", "81"], ROWS)
    shop = [f"{n:06d}" for n in range(ROWS)]
    shop[:2] = "009", "9"
    y = np.where(np.isin(area, ["070", "81"]) ^ (draw.random(ROWS) < 0.1), "high", "low")
    return pd.DataFrame({"shop_id": shop, "area": area, "x": draw.normal(size=ROWS), "y": y})


def accounts(draw: Draw) -> pd.DataFrame:
    """Number rows by sixteen digits, of which a float would merge neighbours."""
    return plain(draw).assign(account=[str(9_007_199_254_740_993 + n) for n in range(ROWS)])


def late_fraction(draw: Draw) -> pd.DataFrame:
    amount = draw.integers(0, 100, LATE + 99).astype(object)
    y = np.where(amount.astype(float) + draw.normal(0, 30, len(amount)) > 50, "much", "little")
    amount[LATE:] = 12.5
    return pd.DataFrame({"amount": amount, "y": y})


def money(draw: Draw) -> pd.DataFrame:
    cost, share = draw.gamma(3, 700, ROWS), draw.random(ROWS)
    y = np.where(cost * share + draw.normal(0, 150, ROWS) > 900, "Yes", "No")
    shown = [f"${value:,.2f}" for value in cost]
    return pd.DataFrame({"cost": shown, "share": [f"{100 * s:.1f}%" for s in share], "y": y})


def euros(draw: Draw) -> pd.DataFrame:
    cost = draw.gamma(3, 700, ROWS)
    cents = [f"{value:,.2f} €".translate(str.maketrans(",.", ".,")) for value in cost]
    return pd.DataFrame({"betrag": cents, "y": np.where(cost > 1900, "ja", "nein")})


def spoken(draw: Draw) -> pd.DataFrame:
    """Let words decide: any of three praises; the other words say nothing."""
    filler = ["we", "came", "late", "the", "table", "was", "set", "food", "then", "home"]
    praise = ["delicious", "friendly", "superb"]
    texts, y = [], []
    for n in range(900):
        said = [*draw.choice(filler, 8), *draw.choice(filler if n % 2 else praise, 2)]
        texts.append(" ".join(draw.permutation(said)))
        y.append("bad" if n % 2 else "good")
    return pd.DataFrame({"review": texts, "y": y})


def wide(draw: Draw) -> pd.DataFrame:
    made = pd.DataFrame(draw.normal(size=(1000, 500)).round(3)).add_prefix("probe ")
    y = made["probe 17"] + made["probe 400"] + draw.normal(0, 0.3, 1000) > 0
    return made.assign(y=np.where(y, "on", "off"))


def named(draw: Draw) -> pd.DataFrame:
    """Name columns as nobody should: quotes, marks of YAML and SQL, an emoji, é as two signs."""
    x = draw.normal(size=(6, ROWS)).round(3)
    made = pd.DataFrame(dict(zip((*NAMES, "cafe\u0301"), x, strict=True)))
    return made.assign(**{"class": np.where(x.sum(axis=0) > 0, "one", "two")})


def broken_name(draw: Draw) -> pd.DataFrame:
    return plain(draw).rename(columns={"x": "x in\ncm"})


def two_forms(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(**{"caf\u00e9": 1.0, "cafe\u0301": 2.0})


def case_twins(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(Depth=draw.normal(size=ROWS), depth=draw.normal(size=ROWS))


def twice(draw: Draw) -> Files:
    return {"table.csv": csv(plain(draw).assign(z=1.5)).replace(b"x,y,z", b"x,y,x")}


def outputs(draw: Draw) -> pd.DataFrame:
    """Name columns as scoring names its own."""
    made = plain(draw).assign(prediction=draw.normal(size=ROWS), model_version=3)
    return made.assign(probability_up=draw.random(ROWS), model_version=draw.integers(0, 9, ROWS))


def numbered(draw: Draw) -> pd.DataFrame:
    """Number the rows of a target that drifts: the number would tell it."""
    noise = draw.normal(size=ROWS)
    y = np.where(np.linspace(-1, 1, ROWS) + noise > 0, "up", "down")
    x = (noise + draw.normal(0, 0.3, ROWS)).round(3)
    return pd.DataFrame({"record_no": np.arange(1, ROWS + 1), "x": x, "y": y})


def constant(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(country="NO", version=2)


def nothing_else(draw: Draw) -> pd.DataFrame:
    return plain(draw).assign(x=7, country="NO")


def people(draw: Draw) -> pd.DataFrame:
    names = [f"person{n}@mail.example" for n in range(ROWS)]
    phones = [f"+49 30 {900_000 + n}" for n in range(ROWS)]
    return plain(draw).assign(contact=names, reached=phones)


def leaky(draw: Draw) -> pd.DataFrame:
    """Plant what is filled in afterwards: the outcome in other words."""
    made = plain(draw, noise=1.0)
    return made.assign(settled=np.where(made.y == "up", "paid out", "closed"))


def many_levels(draw: Draw) -> pd.DataFrame:
    """Let two hundred towns decide, each with a rent of its own."""
    town = draw.integers(0, 200, 1500)
    level = draw.normal(900, 200, 200)
    rent = (level[town] + draw.normal(0, 40, 1500)).round(0)
    return pd.DataFrame(
        {"town": [f"town {n}" for n in town], "x": draw.normal(size=1500), "y": rent}
    )


def unbounded(draw: Draw) -> pd.DataFrame:
    made = plain(draw).astype({"x": object})
    made.loc[:2, "x"] = ["inf", "-inf", "Infinity"]
    return made


def dashed(draw: Draw) -> pd.DataFrame:
    """Write truths in words, and a dash where nothing was filled in."""
    made = plain(draw)
    member = np.where(draw.random(ROWS) < 0.1, "-", draw.choice(["TRUE", "FALSE"], ROWS))
    return made.assign(member=member, seen=days("%Y-%m-%d"))


READABLE = "{file}: the file can be read; got "
TWINS = (
    "{{file}}: the file can be read; got duplicate header: Columns {} have the same name{}. A "
    "table has one of each: rename one, or list it under source.leave_out."
)
CONSTANT = "country, version: no feature until the values differ"
SCENES = (
    Scene(
        "marks",
        one(marked),
        "rent",
        uses=("depth", "slope", "pool"),
        reaches=("rmse", 70.0),
        told=("depth: `NA` stands for no value", "slope: `?` stands for no value"),
        asks=(
            ({"depth": 60, "slope": 20, "pool": "NA"}, pytest.approx(1120, abs=60)),
            ({"depth": 60, "slope": 20, "pool": "indoor"}, pytest.approx(820, abs=60)),
        ),
        often=True,
    ),
    Scene(
        "codes",
        one(coded),
        uses=("area",),
        reaches=("roc_auc", 0.85),
        asks=(({"area": "070", "x": 0.0}, "high"), ({"area": "70", "x": 0.0}, "low")),
        often=True,
    ),
    Scene("accounts", one(accounts), declared={"key": ("account",)}, spares=("account",)),
    Scene("late-fraction", one(late_fraction), rows=LATE + 99, uses=("amount",)),
    Scene(
        "money",
        one(money),
        uses=("cost", "share"),
        reaches=("roc_auc", 0.93),
        asks=(({"cost": 4000, "share": 80}, "Yes"), ({"cost": 300, "share": 10}, "No")),
    ),
    Scene(
        "euros",
        one(euros),
        uses=("betrag",),
        reaches=("roc_auc", 0.97),
        asks=(({"betrag": 5000}, "ja"), ({"betrag": 300.5}, "nein")),
    ),
    Scene(
        "free-text",
        one(spoken),
        rows=900,
        uses=("review",),
        reaches=("roc_auc", 0.95),
        asks=(({"review": "We came home late, the food was superb!"}, "good"),),
    ),
    Scene("wide", one(wide), rows=1000, uses=("probe 17",), reaches=("roc_auc", 0.9)),
    Scene(
        "names",
        one(named),
        "class",
        uses=(*NAMES, "caf\u00e9"),
        reaches=("roc_auc", 0.95),
        asks=(
            ({**dict.fromkeys(NAMES, 1.5), "cafe\u0301": 1.5}, "one"),
            ({**dict.fromkeys(NAMES, -1.5), "caf\u00e9": -1.5}, "two"),
        ),
    ),
    Scene(
        "broken-name",
        one(broken_name),
        refused=f"{READABLE}header: The header goes on over the end of its line: write each name "
        "on one line.",
    ),
    Scene("two-forms", one(two_forms), refused=TWINS.format("3 and 4", "")),
    Scene(
        "case-twins",
        one(case_twins),
        refused=TWINS.format("3 and 4", ", but for upper and lower case"),
    ),
    Scene("twice", twice, refused=TWINS.format("1 and 3", "")),
    Scene(
        "output-key",
        one(lambda draw: plain(draw).assign(prediction=[f"k{n}" for n in range(ROWS)])),
        words=("--key", "prediction"),
        refused="output-key.yaml: 1 rule is broken.\n  file: key and event_time are no columns "
        "that scoring writes itself (prediction): rename the column in the data, or name another.",
    ),
    Scene("outputs", one(outputs), uses=("model_version", "prediction"), declared={"key": ()}),
    Scene(
        "running-number",
        one(numbered),
        spares=("record_no",),
        declared={"key": ("record_no",)},
        told=("record_no: its values are unique and never missing, and must not start again",),
    ),
    Scene("constants", one(constant), spares=("country", "version"), told=(CONSTANT,)),
    Scene(
        "nothing-else",
        one(nothing_else),
        refused="table.csv: a column is left to learn from; got x: one value; country: one value. "
        "Bring a table with more columns. Where each row follows the one before it, earlier values "
        "of y are such columns.",
    ),
    Scene(
        "personal",
        one(people),
        spares=("contact", "reached"),
        told=("contact: its values are mail addresses", "reached: its values are phone numbers"),
        declared={"data.personal": ("contact", "reached")},
    ),
    Scene("leak", one(leaky), told=("leak?     settled: alone it tells 100.0% of y",)),
    Scene(
        "leak-left-out",
        one(leaky),
        words=("--set", "features.exclude+=settled"),
        spares=("settled",),
    ),
    Scene("many-levels", one(many_levels), rows=1500, uses=("town",), reaches=("rmse", 90.0)),
    Scene(
        "unbounded",
        one(unbounded),
        uses=("x",),
        told=("x: `-inf`, `Infinity`, `inf` stand for no value",),
    ),
    Scene("dashes", one(dashed), uses=("member", "x"), declared={"event_time": "seen"}),
)
