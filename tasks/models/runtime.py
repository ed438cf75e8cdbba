"""Answers of an exported model; the only door of onnxruntime."""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import DataError, IntegrityError, bounded
from tasks.models.refusal import REMEDY, refuse_export

if TYPE_CHECKING:
    from tasks.models.flat import ColumnRef

# By itself onnxruntime (1.31) tells its maker of each process and model, on Linux as well; its own
# switch comes too late, for it tells of the process when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# onnxruntime's "fatal": whatever it would print below that is raised as well.
QUIET = 4
# Rows up to which lists are faster than as many small arrays.
FEW = 32
# Rows of free text at once: the graph fills them all up to the longest.
TEXT_ROWS = 256


class OnnxModel:
    """A loaded model; safe to use from several threads.

    Attributes: `task`, `numbers`, `categories` and `texts` (its columns), `classes` (0 for a
    regression).
    """

    def __init__(self, data: bytes) -> None:
        """Load the bytes that `to_onnx` made.

        Raises:
            IntegrityError: they are no ONNX model, or not one of ours.
        """
        try:
            self._session = _open(data)
            notes = self._session.get_modelmeta().custom_metadata_map
            self.task: str = notes["perennial.task"]
            columns = json.loads(notes["perennial.columns"])
            self.numbers: tuple[str, ...] = tuple(columns["numbers"])
            self.categories: tuple[str, ...] = tuple(columns["categories"])
            self.texts: tuple[str, ...] = tuple(columns.get("texts", ()))
            (output,) = self._session.get_outputs()
        # onnxruntime's errors have no class of their own above Exception
        except Exception as error:
            raise refuse_export(data, error) from error
        self._output: str = output.name
        self.classes: int = 0 if self.task == "regression" else int(output.shape[1])

    def predict(self, prepared: pd.DataFrame | Mapping[str, Array]) -> Array:
        """Return (n, classes) probabilities, or (n,) values for a regression, of n rows by column.

        Raises:
            DataError: a column of the model is absent.
        """
        written = (*self.categories, *self.texts)
        absent = [name for name in (*self.numbers, *written) if name not in prepared]
        if absent:
            raise DataError("prepared rows", "have the model's columns", f"no {absent[:10]}")
        kinds: list[tuple[str, Any]] = [(name, np.float32) for name in self.numbers]
        kinds += [(name, object) for name in written]
        feed = {name: np.asarray(prepared[name], kind).reshape(-1, 1) for name, kind in kinds}
        rows = len(next(iter(feed.values())))
        step = TEXT_ROWS if self.texts else max(rows, 1)
        pieces = [
            self.run({name: cells[start : start + step] for name, cells in feed.items()})
            for start in range(0, max(rows, 1), step)
        ]
        answer = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return answer if self.classes else answer[:, 0]

    def run(self, feed: Mapping[str, Array]) -> Array:
        """Return the output for inputs as the graph declares them, unchecked: (n, k) by name."""
        try:
            return np.asarray(self._session.run([self._output], feed)[0])
        except Exception as error:
            rule = "answers the prepared rows"
            raise IntegrityError("model.onnx", rule, bounded(error, 200), REMEDY) from error


class RowModel:
    """The same model for rows as lists, with text looked up outside; a third of the time for one.

    What was verified is the file; this is made of it after it was loaded.
    """

    def __init__(self, data: bytes) -> None:
        """Load the bytes that `to_onnx` made; others are refused as by `OnnxModel`."""
        from tasks.models.flat import flatten

        made = flatten(data)
        self._model = OnnxModel(made.model)
        self._blocks = [(name, _Block(pieces)) for name, pieces in made.inputs.items()]

    def answers(self, numbers: Sequence[Sequence[float]], texts: Sequence[Sequence[str]]) -> Array:
        """Return (n, outputs) for n rows of numbers and n rows of texts, unchecked."""
        if not numbers:
            return np.zeros((0, self._model.classes or 1))
        feed = {name: block.fill(numbers, texts) for name, block in self._blocks}
        return self._model.run(feed)

    def to_lists(self, prepared: pd.DataFrame) -> tuple[list[list[float]], list[list[str]]]:
        """Return prepared rows as `answers` takes them: rows of numbers, and rows of texts."""
        numbers = prepared[list(self._model.numbers)].to_numpy(np.float32).tolist()
        written = [*self._model.categories, *self._model.texts]
        return numbers, prepared[written].to_numpy(object).tolist()

    def latency(self, prepared: pd.DataFrame, rounds: int = 500) -> float:
        """Return the 99th percentile of the CPU seconds one row takes, the first tenth left out.

        CPU time of the calling thread, so that what else runs on the machine does not count; with
        one thread and an idle machine it is the time a caller waits.
        """
        rows = [([n], [t]) for n, t in zip(*self.to_lists(prepared), strict=True)][:50]
        taken = np.empty(rounds)
        for i in range(rounds):
            numbers, texts = rows[i % len(rows)]
            started = time.thread_time()
            self.answers(numbers, texts)
            taken[i] = time.thread_time() - started
        return float(np.quantile(taken[rounds // 10 :], 0.99))


class _Block:
    """One matrix that a flat model takes: numbers by their places, then what texts stand for."""

    def __init__(self, pieces: Sequence[ColumnRef]) -> None:
        from tasks.models.flat import FreeText

        self._places = [ref for ref in pieces if isinstance(ref, int)]
        self._in_order = self._places == list(range(len(self._places)))
        # as lists for few rows, as an array for many: each is faster where it is used
        self._rows, self._tables, self._texts = [], [], []
        for ref in pieces:
            if isinstance(ref, FreeText):
                self._texts.append((ref.place, ref.table))
            elif not isinstance(ref, int):
                *known, unknown = ref.table.tolist()
                self._rows.append((ref.place, dict(zip(ref.levels, known, strict=True)), unknown))
                codes = {text: code for code, text in enumerate(ref.levels)}
                self._tables.append((ref.place, codes, ref.table))

    def fill(self, numbers: Sequence[Sequence[float]], texts: Sequence[Sequence[str]]) -> Array:
        """Return the matrix of these rows, float32."""
        # most families take all numbers in their order: then nothing is picked, row by row
        whole = self._in_order and len(numbers[0]) == len(self._places)
        made = numbers if whole else [[row[place] for place in self._places] for row in numbers]
        if len(numbers) <= FEW:
            return _matrix([self._row(*row) for row in zip(made, texts, strict=True)])
        blocks = [_matrix(made)]
        for place, codes, table in self._tables:
            unknown = len(codes)
            encoded = (codes.get(row[place], unknown) for row in texts)
            blocks.append(table[np.fromiter(encoded, np.intp, len(numbers))])
        blocks += [terms.encode([row[place] for row in texts]) for place, terms in self._texts]
        return np.concatenate(blocks, axis=1)

    def _row(self, numbers: Sequence[float], texts: Sequence[str]) -> list[float]:
        made = [*numbers]
        for place, rows, unknown in self._rows:
            made += rows.get(texts[place], unknown)
        for place, terms in self._texts:
            made += terms.row(texts[place])
        return made


def _matrix(rows: Sequence[Sequence[float]]) -> Array:
    """Return rows of one length as float32; for one row a fifth of what numpy takes itself."""
    flat = array("f", rows[0] if len(rows) == 1 else [*chain.from_iterable(rows)])
    return np.frombuffer(flat, np.float32).reshape(len(rows), -1)


class ModelPart:
    """A part of an exported model, see `tasks.models.anatomy`; safe to use from several threads."""

    def __init__(self, data: bytes) -> None:
        self._session = _open(data)
        self.inputs = tuple(entry.name for entry in self._session.get_inputs())

    def run(self, feed: Mapping[str, Array]) -> Array:
        """Return the one output of (n, 1) inputs; sums of trees are (n, outputs) in double."""
        return np.asarray(self._session.run(None, dict(feed))[0])


def _open(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # one thread each: those who ask run side by side themselves
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    # a thread that spins while it waits holds a processor that other requests need:
    # https://onnxruntime.ai/docs/performance/tune-performance/threading.html
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
