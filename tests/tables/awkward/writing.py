"""Files that are written in unusual ways."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.tables.awkward.scene import ROWS, Draw, Files, Scene, csv, days, plain


def german(draw: Draw) -> pd.DataFrame:
    """Make a yield that follows the width: 30 a metre, give or take 8."""
    breite = draw.gamma(4, 3, ROWS).round(2)
    ertrag = (30 * breite + draw.normal(0, 8, ROWS)).round(2)
    lage = draw.choice(["Südhang", "Nähe Fluß", "Höhe"], ROWS)
    return pd.DataFrame({"Breite": breite, "Lage": lage, "Ertrag": ertrag})


def semicolons(draw: Draw) -> Files:
    return {"ernte.csv": csv(german(draw), sep=";", decimal=",")}


def codepage(draw: Draw) -> Files:
    return {"ernte.txt": german(draw).to_csv(index=False, sep=";").encode("cp1252")}


def utf16(draw: Draw) -> Files:
    return {"ernte.csv": german(draw).to_csv(index=False, sep="\t").encode("utf-16")}


def tabs(draw: Draw) -> Files:
    return {"ernte.tsv": csv(german(draw), sep="\t")}


def sep_line(draw: Draw) -> Files:
    return {"ernte.csv": b'"sep=;"\r\n' + csv(german(draw), sep=";", lineterminator="\r\n")}


def marked_and_packed(draw: Draw) -> Files:
    return {"ernte.csv.gz": gzip.compress(b"\xef\xbb\xbf" + csv(german(draw)))}


def titled(draw: Draw) -> Files:
    head = "Ernteübersicht\nStand: 5.1.2024, alle Angaben ohne Gewähr\n\n"
    return {"ernte.csv": head.encode() + csv(german(draw))}


def indexed(draw: Draw) -> Files:
    return {"ernte.csv": german(draw).to_csv().encode()}


def trailing(draw: Draw) -> Files:
    lines = csv(german(draw)).decode().splitlines()
    return {"ernte.csv": "".join(f"{line},\n" for line in lines).encode()}


def headless(draw: Draw) -> Files:
    made = german(draw).assign(Sorte=draw.choice(["rot", "weiß"], ROWS))
    made.loc[0, "Breite"] = made.loc[1, "Breite"]
    return {"ernte.csv": csv(made[["Lage", "Sorte", "Breite", "Ertrag"]], header=False)}


def many_lines(draw: Draw) -> Files:
    """Write texts with line ends, quotes and commas inside."""
    made = german(draw)
    made["Notiz"] = [f'Posten {n % 7}\n"grün", reif' for n in range(ROWS)]
    return {"ernte.csv": csv(made)}


def spreadsheet(draw: Draw) -> Files:
    return {"ernte.xlsx": b"PK\x03\x04" + draw.bytes(200)}


def half_a_letter(draw: Draw) -> Files:
    return {"ernte.csv": "Lage,Ertrag,Größe".encode()[:-2]}


def half_a_pair(draw: Draw) -> Files:
    return {"ernte.jsonl": b'{"Lage": "H\\udc00he", "Ertrag": 3}\n'}


def ragged(draw: Draw) -> Files:
    lines = csv(german(draw)).decode().splitlines()
    lines[7] += ",unerwartet"
    return {"ernte.csv": "\n".join(lines).encode()}


def nested(draw: Draw) -> Files:
    """Write Parquet types that no table holds beside money, categories and zoned times."""
    made = german(draw)
    start = datetime(2023, 3, 1, tzinfo=UTC)
    times = pa.array([start + timedelta(hours=n) for n in range(ROWS)])
    columns = {
        "seen": times.cast(pa.timestamp("ns", "America/Lima")),
        "width": pa.array([Decimal(f"{w:.2f}") for w in made.Breite], pa.decimal128(9, 2)),
        "place": pa.array(made.Lage).dictionary_encode(),
        "tags": pa.array([["a", "b"]] * ROWS),
        "spot": pa.array([{"lat": 1.5, "lon": 2.5}] * ROWS),
        "took": pa.array([timedelta(minutes=n) for n in range(ROWS)]),
        "price": pa.array(made.Ertrag),
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return {"harvest.parquet": file.getvalue()}


def nested_lines(draw: Draw) -> Files:
    more = {"tags": ["a", {"b": 1}]}
    rows = [
        {**more, "Ertrag": row.pop("Ertrag"), "Feld": {"am": row.pop("Lage"), "ist": row}}
        for row in german(draw).to_dict("records")
    ]
    return {"ernte.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()}


def inner_names(draw: Draw) -> Files:
    made = plain(draw).assign(_row=np.arange(ROWS), _batch="a", seen=days("%Y-%m-%d"))
    return {"table.csv": csv(made)}


HARVEST: dict[str, Any] = {
    "target": "Ertrag",
    "reaches": ("rmse", 14.0),
    "uses": ("Breite", "Lage"),
}
READABLE = "{file}: the file can be read; got "
ASKED = (
    "ernte.csv: a person says what the file does not.\n"
    "  ernte.csv: The first line is `Nähe Fluß`, `weiß`, `17.25`, …: its fields come again below "
    "as values. If the first line is a row, set source.names, or write a line of names before it. "
    "If it holds the names all the same: source.names=[].\n"
    "Say it, such as: --set 'source.names=[column_1, column_2, column_3, column_4]'"
)
RAGGED = "1 row has another count of fields than the header: 4 instead of 3. Row 7."
SCENES = (
    Scene("semicolons", semicolons, **HARVEST, told=("`8,88` reads as 8.88",), often=True),
    Scene("codepage", codepage, **HARVEST, told=("encoding: cp1252, as in `",)),
    Scene("utf16", utf16, **HARVEST, told=("encoding: utf-16", "fields are parted by tabs")),
    Scene("tabs", tabs, **HARVEST),
    Scene("sep-line", sep_line, **HARVEST),
    Scene("packed", marked_and_packed, **HARVEST),
    Scene("titled", titled, **HARVEST, told=("3 lines before the header are left out",)),
    Scene("indexed", indexed, **HARVEST, told=("column 1 without a name is left out",)),
    Scene("trailing", trailing, **HARVEST, told=("column 4 without a name is left out",)),
    Scene("many-lines", many_lines, **HARVEST),
    Scene("headless", headless, "Ertrag", refused=ASKED),
    Scene(
        "headless-named",
        headless,
        **HARVEST,
        words=("--set", "source.names=[Lage, Sorte, Breite, Ertrag]"),
    ),
    Scene(
        "spreadsheet",
        spreadsheet,
        "Ertrag",
        refused="--data: it is a file of CSV, Parquet or JSON lines; got {file}. A spreadsheet is "
        "not read. Save it as CSV or Parquet.",
    ),
    Scene(
        "half-a-letter",
        half_a_letter,
        "Ertrag",
        refused=f"{READABLE}encoding: Line 1 is not UTF-8. Save the file as UTF-8, or set "
        "source.encoding.",
    ),
    Scene(
        "half-a-pair",
        half_a_pair,
        "Ertrag",
        refused=f"{READABLE}encoding: 1 line holds half of a surrogate pair, which is no text. "
        "Row 1.",
    ),
    Scene("ragged", ragged, "Ertrag", refused=f"{READABLE}ragged rows: {RAGGED}"),
    Scene(
        "nested",
        nested,
        "price",
        told=(
            "tags: list<element: string> is no type for a table, left out",
            "spot: struct<lat: double, lon: double> is no type for a table, left out",
            "took: duration[us] is no type for a table, left out",
        ),
        uses=("width", "place"),
        spares=("tags", "spot", "took"),
        reaches=("rmse", 14.0),
        declared={"event_time": "seen", "source.leave_out": ("tags", "spot", "took")},
    ),
    Scene(
        "nested-lines",
        nested_lines,
        **{**HARVEST, "uses": ("Feld.ist.Breite", "Feld.am")},
        told=("tags: a list is no type for a table, left out",),
        declared={"source.leave_out": ("tags",)},
    ),
    Scene(
        "inner-names",
        inner_names,
        told=("_row is left out: the table uses this name",),
        spares=("_row", "_batch"),
    ),
)
