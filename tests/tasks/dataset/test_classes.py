from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config import check_pipeline
from tasks.dataset.classes import find_classes
from tasks.errors import ConfigurationError
from tasks.explanation.words import subject
from tests.tasks.dataset.test_dataset import pipeline, rows


@pytest.mark.parametrize(
    ("labels", "positive", "classes"),
    [
        (["ja", "nein"], None, ("ja", "nein")),
        (["ja", "nein"], "ja", ("nein", "ja")),
        (["ja", "nein"], "nein", ("ja", "nein")),
        (["No", "Yes"], False, ("Yes", "No")),  # a bare no in YAML
        ([0.0, 1.0], 0, (1, 0)),
        ([False, True], False, (True, False)),
        (["0", "1"], 0, ("1", "0")),
    ],
)
def test_the_positive_class_is_the_last_of_two(
    labels: list[Any], positive: Any, classes: tuple[Any, ...]
) -> None:
    assert find_classes(pd.Series(labels * 9), pipeline(positive=positive)) == classes


def test_chances_metrics_and_explanations_are_of_the_positive_class() -> None:
    from tasks.dataset.dataset import build_dataset

    y = np.where(np.arange(200) % 4 == 0, "ja", "nein")
    made = build_dataset(rows(y=y), pipeline(positive="ja"))
    assert made.y.sum() == 50
    assert subject("y", made.classes, 0) == "y = ja"


def test_a_positive_class_that_is_none_is_refused_with_the_classes() -> None:
    with pytest.raises(ConfigurationError, match=r"a class of y: ja, nein; got 'jaa'|ja, nein"):
        find_classes(pd.Series(["ja", "nein"] * 9), pipeline(positive="jaa"))


def test_one_of_many_classes_is_not_the_positive_one() -> None:
    content = {"name": "a", "task": "multiclass", "target": "y", "positive": "red"}
    with pytest.raises(ConfigurationError, match="two classes, task binary"):
        check_pipeline(content, "a")
