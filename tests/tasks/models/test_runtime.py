from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tasks.errors import DataError, IntegrityError
from tasks.models.runtime import OnnxModel, RowModel
from tests.tasks.models.conftest import COLUMNS


@pytest.fixture(scope="module")
def exported(messy) -> bytes:
    exported: bytes = messy.exported("lightgbm", "multiclass")
    return exported


def test_the_file_says_what_it_is(exported) -> None:
    model = onnx.load_from_string(exported)
    assert {opset.domain: opset.version for opset in model.opset_import} == {
        "": 18,
        "ai.onnx.ml": 5,
    }
    assert [entry.name for entry in model.graph.input] == [*COLUMNS.numbers, *COLUMNS.categories]
    (output,) = model.graph.output
    assert output.name == "probabilities_"  # a column is named probabilities
    loaded = OnnxModel(exported)
    assert (loaded.task, loaded.classes) == ("multiclass", 5)
    assert (loaded.numbers, loaded.categories, loaded.texts) == COLUMNS


def test_a_row_alone_is_answered_as_among_others(exported, messy) -> None:
    model = OnnxModel(exported)
    together = model.predict(messy.ask)
    alone = np.concatenate([model.predict(messy.ask.iloc[i : i + 1]) for i in range(100)])
    assert np.abs(together[:100] - alone).max() < 1e-6
    arrays = {name: messy.ask[name].to_numpy() for name in messy.ask.columns}
    assert (model.predict(arrays) == together).all()
    assert model.predict(messy.ask[list(reversed(messy.ask.columns))]).tolist() == together.tolist()
    assert model.predict(messy.ask.head(0)).shape == (0, 5)


def test_threads_share_one_model(exported, messy) -> None:
    model = OnnxModel(exported)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.predict(messy.ask), range(12)))
    assert all((answer == answers[0]).all() for answer in answers)


def test_latency_is_measured_on_single_rows(exported, messy) -> None:
    assert 0 < RowModel(exported).latency(messy.ask, rounds=20) < 60


@pytest.mark.parametrize("keep", [0, 1, 100, 0.3, 0.9, -1])
def test_a_cut_file_is_refused(exported, keep) -> None:
    end = int(len(exported) * keep) if isinstance(keep, float) else keep
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        OnnxModel(exported[:end])


def test_garbage_and_models_of_others_are_refused(exported) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([node], "other", ends[:1], ends[1:])
    other = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    for data in (b"\x00" * 1000, b"PK\x03\x04 no model", exported[::-1], other):
        with pytest.raises(IntegrityError):
            OnnxModel(data)


def test_an_absent_column_is_named(exported, messy) -> None:
    with pytest.raises(DataError, match="few"):
        OnnxModel(exported).predict(messy.ask.drop(columns="few"))
