"""The stateless row-wise step: raw columns to what the fitted pipeline takes.

The same function serves training and requests. A row's result depends on that row alone, so
it is the same in a batch of a million and by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.arrays import Singles
from tasks.errors import DataError
from tasks.features.cycles import unfold_cycles
from tasks.features.schema import PARTS, Feature, FeatureSchema, prepared_columns
from tasks.features.terms import words
from tasks.features.transform import Transform, apply_transform, load_transform
from tasks.features.values import Texts, booleans, moments, numbers, texts

__all__ = ["Prepared", "load_transform", "prepare", "prepare_columns", "prepared_columns"]


@dataclass(frozen=True)
class Prepared:
    """The columns a model takes, by name in their order."""

    numbers: Mapping[str, Singles]
    texts: Mapping[str, Texts]
    index: pd.Index

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Prepared:
        """Read what `frame` returned.

        >>> made = Prepared.of(pd.DataFrame({"a": np.ones(1, np.float32), "c": ["x"]}))
        >>> made.frame().values.tolist()
        [[1.0, 'x']]
        """
        numeric = frame.dtypes == np.float32
        made = {name: frame[name].to_numpy() for name in frame.columns[numeric]}
        return cls(
            made, {name: texts(frame[name]) for name in frame.columns[~numeric]}, frame.index
        )

    def frame(self) -> pd.DataFrame:
        """Return them as one frame, numbers first."""
        categories = {name: column.column(self.index) for name, column in self.texts.items()}
        return pd.DataFrame({**self.numbers, **categories}, index=self.index)


def prepare(
    frame: pd.DataFrame, schema: FeatureSchema, transform: Transform | None = None
) -> pd.DataFrame:
    """Return the model's columns, one row for each row given, in the order given.

    Numbers, booleans and the parts of times (in UTC) are float32 with NaN for missing, categories
    text with `__missing__`, free text its distinct words. Columns are found by name, and those not
    in the schema are ignored.

    Raises:
        DataError: a feature's column is absent, a value does not fit its kind (row and column
            are named), or the transform fails or changes the number of rows.

    >>> schema = FeatureSchema((Feature("a", "number"), Feature("c", "category")))
    >>> prepare(pd.DataFrame({"c": ["x", None], "a": ["1", 2]}), schema).values.tolist()
    [[1.0, 'x'], [2.0, '__missing__']]
    """
    return prepare_columns(frame, schema, transform).frame()


def prepare_columns(
    frame: pd.DataFrame, schema: FeatureSchema, transform: Transform | None = None
) -> Prepared:
    """Return the same as `prepare`, what is text as distinct texts and places."""
    # in training the target stands among the columns, in a request it does not
    if transform is not None and schema.target is not None:
        frame = frame.drop(columns=[schema.target], errors="ignore")
    rows = apply_transform(frame, transform)
    _check_columns(rows, schema)
    # in the order of the schema, which is that of `prepared_columns`: the model was fitted in it
    made: dict[str, Singles] = {}
    written: dict[str, Texts] = {}
    spoken: dict[str, Texts] = {}
    for feature in schema.features:
        column = rows[feature.name]
        if feature.kind == "category":
            written[feature.name] = texts(column)
        elif feature.kind == "text":
            raw = texts(column)
            spoken[feature.name] = Texts(tuple(map(words, raw.levels)), raw.places)
        else:
            made.update(_unfold(column, feature))
    return Prepared(made, written | spoken, frame.index)


def _check_columns(rows: pd.DataFrame, schema: FeatureSchema) -> None:
    absent = [feature.name for feature in schema.features if feature.name not in rows.columns]
    if absent:
        there = ", ".join(map(str, rows.columns[:30]))
        rule = "every feature of the model is a column"
        raise DataError("rows", rule, f"no {', '.join(absent)}", f"There: {there}.")
    names = [feature.name for feature in schema.features]
    if not rows.columns.is_unique and rows[names].shape[1] != len(names):
        raise DataError("rows", "a feature is one column", "a name that is there twice")


def _unfold(column: pd.Series, feature: Feature) -> Mapping[str, Singles]:
    name = feature.name
    if feature.kind == "number":
        return {name: numbers(column, name)}
    if feature.kind == "boolean":
        return {name: booleans(column, name)}
    made = unfold_cycles(moments(column, name), feature.parts or PARTS)
    return {f"{name}_{part}": values for part, values in made.items()}
