"""Second files that are not as the first one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.tables.awkward.scene import ROWS, Draw, Files, Later, Scene, csv, days, plain

SECOND = "2024-09-01"


def pair(first: pd.DataFrame, *others: pd.DataFrame) -> Files:
    return {f"{n}.csv": csv(frame) for n, frame in enumerate((first, *others), 1)}


def sales(draw: Draw, start: str = "2022-11-03") -> pd.DataFrame:
    made = plain(draw).assign(seen=days("%Y-%m-%d", start), items=draw.integers(1, 9, ROWS))
    return made.assign(town=draw.choice(["Oslo", "Bergen"], ROWS))


def then(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Draw], Files]:
    """Return what makes a file of sales, and a later one that is changed."""
    return lambda draw: pair(sales(draw), change(sales(draw, SECOND)))


def restarted(draw: Draw) -> Files:
    number = np.arange(1, ROWS + 1)
    first = sales(draw).assign(sale_id=number)
    return pair(first, sales(draw, SECOND).assign(sale_id=number))


def repeated(draw: Draw) -> Files:
    """Send the rows again, in another order: other bytes, nothing new."""
    first = sales(draw).assign(sale_id=np.arange(1, ROWS + 1))
    return pair(first, first.sample(frac=1, random_state=1))


def emptied(draw: Draw) -> Files:
    rebate = draw.random(ROWS).round(2)
    return pair(sales(draw).assign(rebate=""), sales(draw, SECOND).assign(rebate=rebate))


def respelt(draw: Draw) -> Files:
    words = {"up": ">50K", "down": "<=50K"}
    first, second = sales(draw).replace(words), sales(draw, SECOND).replace(words)
    third = sales(draw, "2026-07-01").replace({"up": 1, "down": 0})
    return pair(first, second.assign(y=second.y + "."), third)


def recoded(draw: Draw) -> Files:
    first = sales(draw).replace({"up": "yes", "down": "no"})
    return pair(first, sales(draw, SECOND).replace({"up": 1, "down": 0}))


def interrupted(draw: Draw) -> Files:
    """Send half a letter between two good files."""
    good = sales(draw, SECOND)
    return {"1.csv": csv(sales(draw)), "2.csv": "x,y,größe".encode()[:-2], "3.csv": csv(good)}


def redated(draw: Draw) -> Files:
    """Write the second file's dates in another form."""
    first = sales(draw).assign(seen=days("%d.%m.%Y"))
    return pair(first, sales(draw).assign(seen=days("%Y-%m-%d", SECOND)))


def appearing(draw: Draw) -> Files:
    words = ["elm", "oak", "ash"]
    kinds = draw.integers(0, 3, ROWS)
    first = pd.DataFrame({"length": 3 * kinds + draw.normal(size=ROWS), "y": np.take(words, kinds)})
    second = first.assign(y=first.y.replace({"elm": "yew"}), length=first.length.round(2) + 1)
    return pair(first, second)


def held(rule: str, change: str = "", name: str = "") -> tuple[Later]:
    """Expect a second file to be held, with what accepts its change."""
    way = f" Accept the change with `perennial schema {name} --accept {{batch}}`: {change}."
    return (Later("quarantined", rule + (way if change else "")),)


def taken(says: str) -> tuple[Later]:
    return (Later("accepted", says),)


NO_CLASS = "If there are more than two, set `task: multiclass`. Rows 1, 2."
NOT_WHOLE = "kind (items): 500 values do not read as whole numbers. Rows 1, 2, 3, 4, 5."
STRANGE = "The contract has no such column. Drop it, or add it to the contract."
GONE = "The batch has no such column."
CHANGED = (
    "changed rows (sale_id): 500 rows with a key that is known with other content, such as sale_id "
    "1: x was -0.576, is -1.546; seen was 2022-11-03, is 2024-09-01; and 2 more columns. Let the "
    "newer row count with `data: {{updates: newest}}`, or keep both with `data: {{updates: "
    "append}}`; if the key does not identify a row, correct `key:`. Rows 1, 2, 3, 4, 5."
)
SCENES = (
    Scene("restarted", restarted, later=held(CHANGED), often=True),
    Scene(
        "repeated",
        repeated,
        later=taken("500 rows: 0 new, 500 repeated; nothing new to learn from"),
    ),
    Scene("emptied", emptied, later=taken("500 rows: 500 new; new columns: rebate")),
    Scene(
        "respelt",
        respelt,
        later=(
            *held(
                "unknown class (y): <=50K. is no known class; >50K. is no known class; the nearest "
                "known spelling is <=50K, >50K (known: <=50K, >50K). Rows 1, 2."
            ),
            *held(f"unknown class (y): 1, 0 are no known class; known: <=50K, >50K. {NO_CLASS}"),
        ),
    ),
    Scene(
        "recoded",
        recoded,
        later=held(
            "unknown class (y): 1, 0 are no known class; known: no, yes. If there are more than "
            "two, set `task: multiclass`. Rows 1, 5."
        ),
    ),
    Scene(
        "recoded-truth",
        recoded,
        words=("--set", 'source.columns.y.true=["yes"]', "--set", 'source.columns.y.false=["no"]'),
        later=held(
            "kind (y): 500 values do not read as true or false, written as yes or no: so says "
            "source.columns. Rows 1, 2, 3, 4, 5."
        ),
    ),
    Scene(
        "gained",
        then(lambda f: f.assign(wind=0.5)),
        later=held(
            f"unexpected column (wind): {STRANGE}",
            "wind is a new column (number); older rows are missing it",
            "gained",
        ),
    ),
    Scene(
        "lost",
        then(lambda f: f.drop(columns="town")),
        later=held(
            f"missing column (town): {GONE}", "town may be absent; its rows are missing it", "lost"
        ),
    ),
    Scene(
        "renamed",
        then(lambda f: f.rename(columns={"items": "items_sold"})),
        later=held(
            f"missing column (items): {GONE} Was it renamed to items_sold? unexpected column "
            f"(items_sold): {STRANGE}",
            "items_sold is a new column (integer); older rows are missing it; items may be absent; "
            "its rows are missing it",
            "renamed",
        ),
    ),
    Scene(
        "widened",
        then(lambda f: f.assign(items=2.5)),
        later=held(
            NOT_WHOLE,
            "items holds numbers instead of whole numbers; older rows keep theirs",
            "widened",
        ),
    ),
    Scene("worded", then(lambda f: f.assign(items="a few")), later=held(NOT_WHOLE)),
    Scene(
        "redated",
        redated,
        later=held(
            "kind (seen): 500 values do not read as dates, written in the form %d.%m.%Y: so says "
            "source.columns. Rows 1, 2, 3, 4, 5."
        ),
    ),
    Scene(
        "new-town",
        then(lambda f: f.assign(town=f.town.mask(f.index < 10, "Bodø"))),
        later=taken("500 rows: 500 new"),
    ),
    Scene("appearing", appearing, later=taken("500 rows: 500 new; classes that appear: yew")),
    Scene(
        "interrupted",
        interrupted,
        later=(
            *held("encoding: Line 1 is not UTF-8. Save the file as UTF-8, or set source.encoding."),
            *taken("500 rows: 500 new"),
        ),
    ),
)
