"""A model's answers to the same rows again and again, with a few columns exchanged.

Of 500 columns, an input each, feeding them takes longer than the model: 8 ms a call for 300 rows.
Here a call encodes what was exchanged alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.models.flat import ColumnRef, FreeText, TextColumn, flatten
from tasks.models.runtime import OnnxModel

Encode = Callable[[Array], Array]


class ExchangingModel:
    """A model with n prepared rows, encoded once."""

    def __init__(self, data: bytes, prepared: pd.DataFrame) -> None:
        """Load the bytes that `to_onnx` made; others are refused as by `OnnxModel`."""
        made = flatten(data)
        self._model = model = OnnxModel(made.model)
        written = (*model.categories, *model.texts)
        self.columns = {
            name: prepared[name].to_numpy(np.float32 if name in model.numbers else object)
            for name in (*model.numbers, *written)
        }
        self._feed: dict[str, Array] = {}
        # by column: where its encoded values stand, and what makes them
        self._spans: dict[str, list[tuple[str, slice, Encode]]] = {}
        for matrix, refs in made.inputs.items():
            blocks: list[Array] = []
            start = 0
            for ref in refs:
                name = model.numbers[ref] if isinstance(ref, int) else written[ref.place]
                encode = _encoding(ref)
                blocks.append(encode(self.columns[name]))
                stop = start + blocks[-1].shape[1]
                self._spans.setdefault(name, []).append((matrix, slice(start, stop), encode))
                start = stop
            self._feed[matrix] = np.concatenate(blocks, axis=1)

    def predict(self, columns: Mapping[str, Any]) -> Array:
        """Return (n, classes) probabilities, or (n,) values for a regression.

        `columns` are those of the attribute of that name, but for the exchanged.
        """
        changed: dict[str, Array] = {}
        for name, spans in self._spans.items():
            # by identity: to compare values would take as long as to encode them
            if columns[name] is self.columns[name]:
                continue
            for matrix, span, encode in spans:
                if matrix not in changed:
                    changed[matrix] = self._feed[matrix].copy()
                changed[matrix][:, span] = encode(columns[name])
        answer = self._model.run({**self._feed, **changed})
        return answer if self._model.classes else answer[:, 0]


def _encoding(ref: ColumnRef) -> Encode:
    if isinstance(ref, TextColumn):
        places = {level: place for place, level in enumerate(ref.levels)}
        table = ref.table

        def look_up(texts: Array) -> Array:
            found = (places.get(text, len(places)) for text in texts.tolist())
            return table[np.fromiter(found, np.intp, len(texts))]

        return look_up
    if isinstance(ref, FreeText):
        terms = ref.table
        return lambda texts: terms.encode(texts.tolist())
    return lambda numbers: numbers.reshape(-1, 1)
