"""The classes of a target, in the order of a model's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from tasks.config import Pipeline
from tasks.errors import ConfigurationError, DataError, did_you_mean

# YAML reads these words as true and false where they stand without quotes.
BARE = {True: ("yes", "on", "true"), False: ("no", "off", "false")}


def find_classes(target: pd.Series[Any], pipeline: Pipeline) -> tuple[Any, ...]:
    """Return the labels in the order of the class indices, of two the positive one last.

    Empty for a regression.

    Raises:
        DataError: the target does not fit the task, or is of one class.
        ConfigurationError: the file's positive class is none of the two.
    """
    where = f"pipeline {pipeline.name}, target {pipeline.target}"
    if pipeline.task == "regression":
        if not pd.api.types.is_numeric_dtype(target):
            raise DataError(where, "the target of a regression is a number", target.dtype)
        return ()
    values = target.unique().tolist()
    if len(values) < 2:
        rule = "the training window holds two classes or more"
        raise DataError(where, rule, f"only {values}", "Wait for rows of another class.")
    if pipeline.task == "binary" and len(values) > 2:
        rule = "a binary target has two classes"
        raise DataError(where, rule, f"{len(values)}: {values[:5]}", "Set task: multiclass.")
    if len(values) > 1000:
        raise DataError(where, "a class target has at most 1,000 classes", len(values))
    # pandas makes floats of whole numbers where one of them is missing
    whole = all(isinstance(value, float) and value.is_integer() for value in values)
    classes = sorted(map(int, values) if whole else values)
    if pipeline.positive is not None:
        require_class(pipeline.positive, classes, pipeline.target, f"{pipeline.name}.yaml")
    return order_classes(classes, pipeline.positive)


def order_classes(labels: Iterable[Any], positive: Any) -> tuple[Any, ...]:
    """Return labels in their own order, the positive one behind the others where it is told.

    >>> order_classes(["nein", "ja"], None), order_classes(["nein", "ja"], "ja")
    (('ja', 'nein'), ('nein', 'ja'))
    """
    labels = sorted(labels)
    last = None if positive is None else find_class(positive, labels)
    return (*(label for label in labels if label is not last), *([] if last is None else [last]))


def find_class(told: Any, labels: Iterable[Any]) -> Any:
    """Return the label that a pipeline file means, None where it is none of them.

    >>> find_class(1, ["0", "1"]), find_class(True, ["No", "Yes"]), find_class("maybe", ["a", "b"])
    ('1', 'Yes', None)
    """
    known = {label_text(label): label for label in labels}
    words = (label_text(told), *(BARE[told] if isinstance(told, bool) else ()))
    folded = {text.casefold(): label for text, label in known.items()}
    exact = next((known[word] for word in words if word in known), None)
    if exact is not None or not isinstance(told, bool):
        return exact
    return next((folded[word] for word in words if word in folded), None)


def require_class(told: Any, labels: Iterable[Any], target: str, where: str) -> None:
    """Refuse a positive class that is none of the target's.

    Raises:
        ConfigurationError: it is none of `labels`; they are named.
    """
    labels = list(labels)
    if find_class(told, labels) is None:
        words = [label_text(label) for label in labels]
        remedy = f"{did_you_mean(label_text(told), words)} Write one of the two, or leave it out."
        rule = f"it is a class of {target}: {', '.join(words)}"
        raise ConfigurationError(f"{where}, positive", rule, label_text(told), remedy.strip())


def label_text(label: Any) -> str:
    """Write a label as a pipeline file does.

    >>> label_text(True), label_text(1.0), label_text("ja")
    ('true', '1', 'ja')
    """
    if isinstance(label, bool):
        return str(label).lower()
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label)) if whole else str(label)
