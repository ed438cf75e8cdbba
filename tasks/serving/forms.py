"""The three forms in which predictions are asked for. Pure.

Perennial's own (`/v1/…/predict`), MLflow's scoring protocol (`/…/invocations`) and the Open
Inference Protocol v2 (`/v2/models/…/infer`). Each reader returns plain rows for `Served.read`;
`answers` writes what is said to them.

Why not the library: servers that speak these protocols took 157 to 260 (`mlflow models serve`) and
318 requests a second (MLServer) where FastAPI with ONNX Runtime took 9,069, with one row a request,
two workers and eight connections; and FastAPI's own validation answers NaN or Infinity with a 500.
msgspec reads and writes the JSON; the forms around it are few enough to be read by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from tasks.errors import bounded
from tasks.policy.reading import count_text

# Unknown names that a refusal tells.
NAMED = 5
# A number that may be beyond any float.
OVERFLOWING = re.compile(rb"[eE]\+?\d{3}|\d{309}")
TABULAR = ("dataframe_split", "dataframe_records", "inputs", "instances")


class BadRequest(Exception):
    """The body is not in the form that the address expects; the text says which rule and what."""


class Asked(NamedTuple):
    """What a request asks for; `id` is the caller's own, where the form has one."""

    rows: Sequence[Any]
    explain: bool = False
    probabilities: bool = False
    id: str | None = None


def decode_json(body: bytes) -> Any:
    """Return strict JSON as values.

    Raises:
        BadRequest: it is no JSON, holds NaN or Infinity, or is nested too deep for the interpreter.

    >>> decode_json(b'{"a": NaN}')
    Traceback (most recent call last):
    ...
    tasks.serving.forms.BadRequest: the body is no JSON: invalid character (byte 6)
    """
    try:
        return DECODER.decode(body)
    # msgspec recurses into what is nested, up to the interpreter's limit
    except RecursionError as error:
        raise BadRequest("the body is nested too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = str(error).removeprefix("JSON is malformed: ")
        raise BadRequest(f"the body is no JSON: {bounded(why, 200)}") from error


def read_request(body: bytes) -> Asked:
    """Read Perennial's own form: `{"rows": [{…}], "explain": false}`.

    >>> read_request(b'{"rows": [{"a": 1}]}').rows
    [{'a': 1}]
    """
    content = _object(decode_json(body), {"rows", "explain"})
    rows, explain = content.get("rows"), content.get("explain", False)
    if not isinstance(rows, list):
        raise BadRequest('"rows" is a list of objects, one for each row')
    if not isinstance(explain, bool):
        raise BadRequest('"explain" is true or false')
    return Asked(rows, explain)


def read_mlflow(body: bytes) -> Asked:
    """Read MLflow's form: one of `dataframe_split`, `dataframe_records`, `inputs`, `instances`.

    Here alone NaN is read as null.

    >>> body = b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, null]]}}'
    >>> read_mlflow(body).rows
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}]
    >>> read_mlflow(b'{"inputs": {"a": [1, 2]}}').rows
    [{'a': 1}, {'a': 2}]
    """
    content = _object(_nan_as_null(body), {*TABULAR, "params"})
    given = [name for name in TABULAR if name in content]
    if len(given) != 1:
        raise BadRequest(f"exactly one of {', '.join(TABULAR)} is given")
    params = _object(content.get("params") or {}, {"predict_method"})
    method = params.get("predict_method", "predict")
    if method not in ("predict", "predict_proba"):
        raise BadRequest('"predict_method" is predict or predict_proba')
    (name,) = given
    rows = _split(content[name]) if name == "dataframe_split" else _records(content[name], name)
    return Asked(rows, probabilities=method == "predict_proba")


def read_inference(body: bytes) -> Asked:
    """Read the Open Inference Protocol's form: one input for each field, of shape [n] or [n, 1].

    >>> body = b'{"inputs": [{"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2]}]}'
    >>> read_inference(body).rows
    [{'a': 1}, {'a': 2}]
    """
    content = _object(decode_json(body), {"id", "inputs", "outputs", "parameters"})
    inputs, own = content.get("inputs"), content.get("id")
    if not isinstance(inputs, list) or not inputs:
        raise BadRequest('"inputs" is a list of tensors, one for each field')
    columns = dict(_tensor(tensor) for tensor in inputs)
    if len(columns) != len(inputs):
        raise BadRequest("each input is given once")
    return Asked(_rows(columns), id=own if isinstance(own, str) else None)


def _nan_as_null(body: bytes) -> Any:
    # MLflow's client writes a missing value so, which is no JSON
    try:
        return decode_json(body)
    except BadRequest as refusal:
        if b"NaN" not in body:
            raise
        try:
            # the standard library reads NaN, and calls for it; msgspec refuses it
            content = json.loads(body, parse_constant=_constant)
            # it also reads half a character, which no answer can hold, and 1e999 as infinity
            if b"\\u" in body or OVERFLOWING.search(body):
                return decode_json(json.dumps(content).encode())
            return content
        except (ValueError, RecursionError):
            # more is wrong than a NaN: msgspec's words for it are those of every other form
            raise refusal from None


def _constant(name: str) -> None:
    # Infinity is none of MLflow's missing values
    if name != "NaN":
        raise ValueError(name)


def _object(content: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise BadRequest("the body is a JSON object")
    if not content.keys() <= known:
        # a body may hold any number of names
        unknown = sorted(islice((name for name in content if name not in known), NAMED))
        listed = ", ".join(sorted(known))
        told = bounded(", ".join(bounded(name, 80) for name in unknown), 200)
        raise BadRequest(f"unknown: {told}; known are {listed}")
    return content


def _split(frame: Any) -> list[dict[str, Any]]:
    content = _object(frame, {"columns", "index", "data"})
    columns, data = content.get("columns"), content.get("data")
    texts = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    if not texts or not isinstance(data, list):
        raise BadRequest('"dataframe_split" has "columns", a list of names, and "data", of rows')
    assert isinstance(columns, list)
    if any(not isinstance(row, list) or len(row) != len(columns) for row in data):
        raise BadRequest(
            f"each row of data is a list of {count_text(len(columns), 'value', 'values')}"
        )
    # of a name given twice, the last value would win unseen
    if len(set(columns)) != len(columns):
        raise BadRequest("each column is given once")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _records(given: Any, name: str) -> list[Any]:
    if isinstance(given, list):
        return given
    of_columns = name == "inputs" and isinstance(given, dict)
    if of_columns and all(isinstance(values, list) for values in given.values()):
        return _rows({key: [_unboxed(value) for value in given[key]] for key in given})
    columns_too = ", or an object of columns" if name == "inputs" else ""
    raise BadRequest(f'"{name}" is a list of rows{columns_too}')


def _unboxed(value: Any) -> Any:
    # of an array of shape [n, 1], a client sends each value in a list of its own
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise BadRequest("every column has as many values as the others")
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _tensor(tensor: Any) -> tuple[str, list[Any]]:
    content = _object(tensor, {"name", "shape", "datatype", "data", "parameters"})
    name, shape, data = content.get("name"), content.get("shape"), content.get("data")
    if not isinstance(name, str) or not isinstance(shape, list) or not isinstance(data, list):
        raise BadRequest('an input has "name", "shape", "datatype" and "data"')
    values = [value for row in data for value in (row if isinstance(row, list) else [row])]
    if shape not in ([len(values)], [len(values), 1]):
        raise BadRequest(f"input {bounded(name, 80)}: its shape is [n] or [n, 1], as its data")
    if content.get("datatype") == "BOOL":
        values = [bool(value) if value in (0, 1) else value for value in values]
    return name, values


DECODER = msgspec.json.Decoder()
