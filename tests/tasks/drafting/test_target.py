from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.drafting.target import choose_task, keep_words, read_target, say_twins
from tasks.errors import ConfigurationError
from tasks.readers.options import Reading
from tests.tasks.drafting.seen import column, study_of

draw = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("name", "kind", "values", "task"),
    [
        ("calls", "integer", draw.poisson(3, 900), "regression"),
        ("goals", "integer", [0] * 500 + [1] * 300 + [2] * 90 + [3] * 9 + [5], "regression"),
        ("score", "number", draw.integers(1, 8, 900).astype(float), "regression"),
        ("stars", "number", draw.choice([1.0, 1.5, 2.0, 2.5], 900), "regression"),
        ("half_hours", "integer", np.repeat([0, 30, 60, 90], [99, 40, 20, 5]), "regression"),
        ("bills", "integer", [1, 4, 9, 30, 77, 80, 210], "regression"),
        ("weight", "number", draw.normal(size=900), "regression"),
        ("churned", "boolean", draw.choice([True, False], 900), "binary"),
        ("answer", "string", draw.choice(["Yes", "No"], 900), "binary"),
        ("default", "integer", draw.integers(0, 2, 900), "binary"),
        ("colour", "string", draw.choice(["red", "green", "blue"], 900), "multiclass"),
        ("iris", "integer", np.repeat([0, 1, 2], 300), "multiclass"),
        ("fault", "integer", draw.choice([10, 11, 40, 77], 900), "multiclass"),
        ("product_class", "integer", draw.integers(1, 6, 900), "multiclass"),
    ],
)  # fmt: skip
def test_words_are_classes_and_quantities_are_not(
    name: str, kind: str, values: np.ndarray, task: str
) -> None:
    choice = choose_task(column(name, kind, list(values)))
    assert choice.task == task
    assert choice.ground


def test_few_whole_numbers_stay_a_question() -> None:
    assert choose_task(column("fault", "integer", [10, 11, 40, 77] * 99)).question
    assert not choose_task(column("colour", "string", ["red", "blue", "green"] * 99)).question


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("string", [f"note {i}" for i in range(500)], "more different texts than classes can be"),
        ("string", ["same"] * 500, "one value throughout"),
        ("integer", [None] * 500, "no value"),
        ("date", ["2024-01-01", "2024-01-02", "2024-01-03"], "a date"),
    ],
)
def test_what_nobody_can_predict_is_refused(kind: str, values: list[object], said: str) -> None:
    seen = replace(column("y", "string", values), kind=kind)
    with pytest.raises(ConfigurationError, match=said):
        choose_task(seen)


def test_marks_for_no_value_among_words_are_no_class_unless_a_person_says_so() -> None:
    words = ["moss", "fern", "NA", "?", "None"] * 20
    study = study_of(column("y", "string", words), column("x", "integer", [*range(100)]), rows=100)
    read = read_target(study, "y")
    seen = read.columns["y"]
    assert (seen.distinct, seen.missing, set(seen.levels)) == (3, 40, {"moss", "fern", "None"})
    assert read.options.written["columns"]["y"] == {"kind": "string", "missing": ["NA", "?"]}
    assert read.notes == (
        "y: `NA`, `?` in 40 rows is no value. If it is a class: "
        "--set 'source.columns.\"y\".missing=[]'",
    )
    said = study.options.model_copy(update={"columns": {"y": Reading(missing=())}})
    assert read_target(replace(study, options=said), "y").columns["y"].distinct == 5
    assert read_target(study, "x") is study


@pytest.mark.parametrize(
    ("words", "marks"), [(("ja", "nein"), ()), (("Y", "N"), ("?",)), (("On", "Off"), ())]
)
def test_a_target_of_two_words_is_these_two_classes(
    words: tuple[str, str], marks: tuple[str, ...]
) -> None:
    reading = Reading(kind="boolean", yes=(words[0],), no=(words[1],), missing=marks)
    seen = column("y", "boolean", [*words] * 40, reading=reading)
    study = study_of(seen, column("x", "integer", [*range(80)]), rows=80)
    told = study.options.model_copy(update={"columns": {"y": reading}})
    study = replace(study, options=told, notes=(f"y: `{words[0]}` reads as True", "x: so"))
    kept = keep_words(study, "y")
    assert kept.columns["y"].kind == "string"
    assert kept.options.written.get("columns", {}) == (
        {"y": {"kind": "string", "missing": [*marks]}} if marks else {}
    )
    said = f"y: `{words[0]}` and `{words[1]}` are two classes, which answers call so"
    assert kept.notes == ("x: so", said)
    assert choose_task(kept.columns["y"]).task == "binary"
    assert keep_words(study, "x") is study


def test_two_spellings_of_yes_are_one_class_that_is_true() -> None:
    reading = Reading(kind="boolean", yes=("Ja", "ja"), no=("nein",))
    seen = column("y", "boolean", ["Ja", "ja", "nein"] * 30, reading=reading)
    study = study_of(seen, rows=90)
    assert keep_words(study, "y") is study
    assert choose_task(seen).task == "binary"


def test_two_spellings_of_one_class_are_told() -> None:
    twice = column("y", "string", ["moss", "moss", "Moss.", "fern"] * 9)
    (line,) = say_twins(twice, "multiclass", "plants")
    assert line.startswith("classes   Moss. is moss in another spelling: ingest holds the file.")
    assert "perennial schema plants --accept" in line
    assert say_twins(column("y", "string", ["A", "A-", "B"] * 9), "multiclass", "plants") == []
