"""Answers of an exported model; the only door of onnxruntime."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError, IntegrityError, bounded

Array = np.ndarray[Any, Any]
REMEDY = "Restore the file, or take another version."
QUIET = 4


class OnnxModel:
    """A loaded model; safe to use from several threads.

    Attributes: `task`, `numbers` and `categories` (its columns), `classes` (0 for a regression).
    """

    def __init__(self, data: bytes, threads: int = 1) -> None:
        """Load the bytes that `to_onnx` made.

        Raises:
            IntegrityError: they are no ONNX model, or not one of ours.
        """
        try:
            self._session = _opened(data, threads)
            notes = self._session.get_modelmeta().custom_metadata_map
            self.task: str = notes["perennial.task"]
            columns = json.loads(notes["perennial.columns"])
            self.numbers: tuple[str, ...] = tuple(columns["numbers"])
            self.categories: tuple[str, ...] = tuple(columns["categories"])
            (output,) = self._session.get_outputs()
        except Exception as error:
            came = f"{len(data)} bytes: {bounded(error, 200)}"
            raise IntegrityError("model.onnx", "is an exported model", came, REMEDY) from error
        self._output: str = output.name
        self.classes: int = 0 if self.task == "regression" else int(output.shape[1])

    def predict(self, prepared: pd.DataFrame | Mapping[str, Array]) -> Array:
        """Return (n, classes) probabilities, or (n,) values for a regression.

        Raises:
            DataError: a column of the model is absent.
        """
        feed = self._feed(prepared)
        rows = len(next(iter(feed.values())))
        if rows == 0:
            return np.zeros((0, self.classes) if self.classes else 0)
        answer = self.run(feed)
        return answer if self.classes else answer[:, 0]

    def latency(self, prepared: pd.DataFrame, rounds: int = 500) -> float:
        """Return the 99th percentile of the CPU seconds one row takes, the first tenth left out.

        CPU time of the calling thread, so that what else runs on the machine does not count; with
        one thread and an idle machine it is the time a caller waits.
        """
        rows = [prepared.iloc[i : i + 1] for i in range(min(len(prepared), 50))]
        feeds = [self._feed(row) for row in rows]
        taken = np.empty(rounds)
        for i in range(rounds):
            started = time.thread_time()
            self.run(feeds[i % len(feeds)])
            taken[i] = time.thread_time() - started
        return float(np.quantile(taken[rounds // 10 :], 0.99))

    def run(self, feed: Mapping[str, Array]) -> Array:
        """Return the outputs for inputs that are as the graph declares them, unchecked."""
        try:
            return np.asarray(self._session.run([self._output], feed)[0])
        except Exception as error:
            rule = "answers the prepared rows"
            raise IntegrityError("model.onnx", rule, bounded(error, 200), REMEDY) from error

    def _feed(self, prepared: pd.DataFrame | Mapping[str, Array]) -> dict[str, Array]:
        absent = [name for name in (*self.numbers, *self.categories) if name not in prepared]
        if absent:
            raise DataError("prepared rows", "have the model's columns", f"no {absent[:10]}")
        feed = {
            name: np.asarray(prepared[name], dtype=np.float32).reshape(-1, 1)
            for name in self.numbers
        }
        for name in self.categories:
            feed[name] = np.asarray(prepared[name], dtype=object).reshape(-1, 1)
        return feed


class MatrixModel:
    """The same model behind two inputs, which ONNX Runtime takes in half the time of many.

    What was verified is the file; this is made of it after it was loaded.
    """

    def __init__(self, data: bytes) -> None:
        """Load the bytes that `to_onnx` made.

        Raises:
            IntegrityError: they are no ONNX model, or not one of ours.
        """
        from tasks.models.graph import behind_matrices

        known = OnnxModel(data)
        free = "_"
        while any(name.startswith(free) for name in (*known.numbers, *known.categories)):
            free += "_"
        self._names = (f"{free}numbers", f"{free}texts")
        merged = behind_matrices(data, known.numbers, known.categories, self._names)
        self._model = OnnxModel(merged)
        self._given = (bool(known.numbers), bool(known.categories))

    def answers(self, numbers: Array, texts: Array) -> Array:
        """Return (n, outputs) for (n, k) float32 numbers and (n, c) texts, unchecked."""
        if not len(numbers):
            return np.zeros((0, self._model.classes or 1))
        both = zip(self._names, (numbers, texts), self._given, strict=True)
        return self._model.run({name: values for name, values, given in both if given})


class Part:
    """A part of an exported model, see `tasks.models.anatomy`; safe to use from several threads."""

    def __init__(self, data: bytes) -> None:
        self._session = _opened(data, 1)
        self.inputs = tuple(each.name for each in self._session.get_inputs())

    def run(self, feed: Mapping[str, Array]) -> Array:
        """Return the one output; inputs are (rows, 1) each, but for the sums of trees."""
        return np.asarray(self._session.run(None, dict(feed))[0])


def _opened(data: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
