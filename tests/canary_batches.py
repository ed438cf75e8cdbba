"""Files and requests with mistakes, whose wrong values are a person's."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from tests.canaries import LEAK, PERSONAL, people

Requests = dict[str, tuple[str, bytes]]
COUNT = 60
ROWS = people(COUNT, start=900)


def _csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


def _ragged() -> bytes:
    lines = _csv(ROWS).decode().splitlines()
    return "\n".join([*lines, f"{lines[1]},{ROWS['email'][0]}"]).encode()


def _unclosed() -> bytes:
    return _csv(ROWS) + b'"c00000,person0@canary.example,Zqcanary\n'


def _json_lines() -> bytes:
    rows = [dict(row) for row in ROWS.to_dict("records")]
    rows[3]["email"] = {"home": rows[3]["email"]}
    return "\n".join(map(json.dumps, rows)).encode()


# Fields that moved into another column, names that are values, keys that come again.
BAD_BATCHES: dict[str, bytes] = {
    "words-for-numbers.csv": _csv(ROWS.astype({"visits": object}).assign(visits=ROWS["phone"])),
    "mail-for-a-plan.csv": _csv(ROWS.assign(plan=ROWS["email"])),
    "account-for-a-plan.csv": _csv(ROWS.assign(plan=ROWS["iban"])),
    "address-for-a-plan.csv": _csv(ROWS.assign(plan=ROWS["ip_address"])),
    "phone-for-a-plan.csv": _csv(ROWS.assign(plan=ROWS["phone"])),
    "without-header.csv": _csv(ROWS).partition(b"\n")[2],
    "renamed.csv": _csv(ROWS.rename(columns={"email": "zqcanary@canary.example"})),
    "letters-for-a-pin.csv": _csv(ROWS.astype({"pin": str}).assign(pin=ROWS["full_name"])),
    "ragged.csv": _ragged(),
    "unclosed.csv": _unclosed(),
    "twice.csv": _csv(pd.concat([ROWS, ROWS.assign(email=ROWS["full_name"])])),
    "changed.csv": _csv(people(400).assign(plan="gold", phone=people(400)["email"])),
    "nested.jsonl": _json_lines(),
    "latin.csv": _csv(ROWS).replace(b"Zqcanary", b"Zqcanary \xe9"),
    "table.parquet": _csv(ROWS),
}
BAD_LABELS: dict[str, bytes] = {
    "labels-by-mail.csv": _csv(pd.DataFrame({"customer": ROWS["email"], "spend": ROWS["spend"]})),
    "labels-beside-mail.csv": _csv(people(20)[["customer", "email", "spend"]]),
    "labels-in-words.csv": _csv(
        pd.DataFrame({"customer": people(20)["customer"], "spend": people(20)["full_name"]})
    ),
}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return what a caller sends of one person."""
    told = people(1, start=number).drop(columns=["spend"]).iloc[0].to_dict()
    plain = {
        name: value.item() if hasattr(value, "item") else value for name, value in told.items()
    }
    return {**plain, **changes}


def _body(**content: Any) -> bytes:
    return json.dumps(content).encode()


def requests(name: str) -> Requests:
    """Return requests that are answered, with everything personal in their rows."""
    rows = [row(number) for number in range(700, 705)]
    moved = row(710, plan="person710@canary.example")
    return {
        "plain": (f"/v1/{name}/predict", _body(rows=rows)),
        "explained": (f"/v1/{name}/predict", _body(rows=rows[:2], explain=True)),
        "moved": (f"/v1/{name}/predict", _body(rows=[moved])),
        "mlflow": (f"/{name}/invocations", _body(dataframe_records=rows)),
    }


def bad_requests(name: str) -> Requests:
    """Return requests that are refused, whose faults are personal."""
    predict = f"/v1/{name}/predict"
    whole = row(720)
    bare = {column: whole[column] for column in whole if column not in (*PERSONAL, LEAK)}
    return {
        "no JSON": (predict, _body(rows=[whole])[:-3]),
        "a text": (predict, json.dumps(whole["email"]).encode()),
        "another body": (predict, _body(**{whole["email"]: 1})),
        "no number": (predict, _body(rows=[{**whole, "visits": whole["email"]}])),
        "a list": (predict, _body(rows=[{**whole, "visits": [whole["phone"]]}])),
        "no row": (predict, _body(rows=[whole["iban"]])),
        "a value for a name": (predict, _body(rows=[{**bare, whole["email"]: 1}])),
        "mlflow, no number": (
            f"/{name}/invocations",
            _body(dataframe_records=[{**whole, "visits": whole["full_name"]}]),
        ),
        "infer": (
            f"/v2/models/{name}/infer",
            _body(inputs=[{"name": whole["email"], "data": [1]}]),
        ),
        "nobody": ("/v1/nobody/predict", _body(rows=[whole])),
    }
