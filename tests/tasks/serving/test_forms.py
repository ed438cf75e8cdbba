"""Each form of a request is read as its protocol says, and refused with the rule it breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.serving import answers, forms
from tasks.serving.forms import BadRequest
from tasks.serving.served import Predictions

SPLIT: dict[str, Any] = {"columns": ["a"], "data": [[1]]}
TENSOR: dict[str, Any] = {"name": "a", "shape": [1], "datatype": "FP64", "data": [1]}


def body(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, "exactly one of"),
        ({"inputs": [], "instances": []}, "exactly one of"),
        ({"instances": [{}], "params": {"k": 1}}, "unknown: k"),
        ({"instances": [{}], "params": {"predict_method": "score"}}, "predict or predict_proba"),
        ({"instances": {}}, '"instances" is a list of rows'),
        ({"inputs": {"a": 5}}, "or an object of columns"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "as many values as the others"),
        ({"dataframe_split": []}, "a JSON object"),
        ({"dataframe_split": {"data": []}}, 'has "columns"'),
        ({"dataframe_split": SPLIT | {"data": [[1, 2]]}}, "a list of 1 value"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "each column is given once"),
    ],
)
def test_a_body_that_is_not_mlflows_is_refused(content: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        forms.read_mlflow(body(content))


def test_mlflows_nan_is_a_missing_value_and_its_infinity_is_none() -> None:
    found = forms.read_mlflow(b'{"dataframe_split": {"columns": ["a"], "data": [[NaN]]}}')
    assert found.rows == [{"a": None}]
    with pytest.raises(BadRequest, match="no JSON"):
        forms.read_mlflow(b'{"instances": [{"a": NaN, "b": -Infinity}]}')
    with pytest.raises(BadRequest, match="no JSON"):
        forms.read_request(b'{"rows": [{"a": NaN}]}')


@pytest.mark.parametrize(
    "value", [rb'"\ud800"', rb'"\udc00\ud800"', b"1e999", b"-2E+400", b"9" * 400 + b".0"]
)
@pytest.mark.parametrize("name", [b"a", rb"\ud83d"])
def test_beside_a_nan_no_more_is_read_than_without(value: bytes, name: bytes) -> None:
    for missing in (b"NaN", b"null"):
        given = b'{"instances": [{"b": %b, "%b": %b}]}' % (missing, name, value)
        with pytest.raises(BadRequest, match="no JSON"):
            forms.read_mlflow(given)
    read = forms.read_mlflow(rb'{"instances": [{"b": NaN, "a": "\ud83d\ude00 1e999", "c": 1e100}]}')
    assert read.rows == [{"b": None, "a": "😀 1e999", "c": 1e100}]


@pytest.mark.parametrize("read", [forms.read_request, forms.read_mlflow, forms.read_inference])
def test_any_number_of_unknown_names_is_refused_at_once(read: Any) -> None:
    names = {f"{place:06}": 0 for place in range(700_000)}
    with pytest.raises(
        BadRequest, match=r"unknown: 000000, 000001, .*000004; known are"
    ) as refused:
        read(body(names))
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, '"inputs" is a list of tensors'),
        ({"inputs": [1]}, "a JSON object"),
        ({"inputs": [{"name": "a"}]}, '"shape"'),
        ({"inputs": [TENSOR | {"shape": [2]}]}, r"its shape is \[n\] or \[n, 1\]"),
        ({"inputs": [TENSOR | {"shape": [1, 1, 1]}]}, "its shape is"),
        ({"inputs": [TENSOR, TENSOR]}, "each input is given once"),
        ({"inputs": [TENSOR, {**TENSOR, "name": "b", "shape": [2], "data": [1, 2]}]}, "as many"),
        ({"inputs": [TENSOR], "model": "x"}, "unknown: model"),
    ],
)
def test_a_body_that_is_not_open_inference_is_refused(content: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        forms.read_inference(body(content))


def test_tensors_of_one_column_and_flags_are_read() -> None:
    flags = {"name": "f", "shape": [2], "datatype": "BOOL", "data": [1, False]}
    column = {**TENSOR, "shape": [2, 1], "data": [[1], [2]]}
    assert forms.read_inference(body({"inputs": [column, flags]})).rows == [
        {"a": 1, "f": True},
        {"a": 2, "f": False},
    ]


def test_a_regression_is_answered_without_probabilities() -> None:
    made = Predictions([1.5], None)
    assert json.loads(answers.write_answer(b"{}", ["x"], made, ()))["predictions"] == [
        {"id": "x", "value": 1.5}
    ]
    assert answers.write_mlflow(made, probabilities=True) == b'{"predictions":[1.5]}'
    explained = answers.write_answer(b"{}", ["x"], made, (), [{"base": 1}])
    assert json.loads(explained)["predictions"][0]["explanation"] == {"base": 1}
