"""A model behind matrices answers as the file does, for one row and for many."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import load_from_string

from tasks.errors import IntegrityError
from tasks.models.families import FAMILIES
from tasks.models.flat import flatten
from tasks.models.runtime import FEW, OnnxModel, RowModel
from tests.tasks.models.conftest import COLUMNS, TASKS

CASES = [(family, task) for family in FAMILIES for task in TASKS]


@pytest.mark.parametrize(("family", "task"), CASES)
def test_every_family_answers_alike(messy, family, task) -> None:
    data = messy.exported(family, task)
    expected = OnnxModel(data).predict(messy.ask)
    numbers = messy.ask[list(COLUMNS.numbers)].to_numpy(np.float32).tolist()
    texts = messy.ask[list(COLUMNS.categories)].to_numpy(object).tolist()
    model = RowModel(data)
    np.testing.assert_equal(model.to_lists(messy.ask), (numbers, texts))
    assert len(numbers) > FEW
    many = model.answers(numbers, texts)
    one_by_one = [model.answers(numbers[i : i + 1], texts[i : i + 1]) for i in range(FEW)]
    few = model.answers(numbers[:FEW], texts[:FEW])
    expected = expected.reshape(len(numbers), -1)
    np.testing.assert_array_equal(many, expected)
    np.testing.assert_array_equal(few, expected[:FEW])
    np.testing.assert_array_equal(np.concatenate(one_by_one), expected[:FEW])
    assert len(model.answers(numbers[:0], texts[:0])) == 0


def test_no_text_is_left_in_the_graph(messy) -> None:
    made = flatten(messy.exported("lightgbm", "binary"))
    kinds = {node.op_type for node in load_from_string(made.model).graph.node}
    assert not kinds & {"LabelEncoder", "Gather", "Reshape"}
    assert len(made.inputs) == 1


@pytest.mark.parametrize("data", [b"", b"no model", b"\x80\x04."])
def test_what_is_no_model_of_ours_is_refused(data) -> None:
    with pytest.raises(IntegrityError, match="exported model"):
        flatten(data)
