"""A request's rows become what the same rows became in training, or a list of what is wrong."""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.serving.response import unfit
from tasks.features.prepare import prepare
from tasks.features.request import Field, RequestSchema
from tasks.features.schema import Feature, FeatureSchema, prepared_columns
from tasks.serving.problems import MOST_PROBLEMS, Unfit
from tasks.serving.rows import SUGGESTED, Reader

SCHEMA = FeatureSchema(
    (
        Feature("at", "time"),
        Feature("flag", "boolean"),
        Feature("kind", "category"),
        Feature("n", "number"),
    )
)
FIELDS = RequestSchema(
    tuple(Field(feature.name, feature.kind, True, True) for feature in SCHEMA.features)
)
NUMBERS = st.one_of(
    st.none(), st.integers(-(10**40), 10**40), st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.one_of(
    st.none(), st.text(max_size=20), st.integers(-(10**20), 10**20), st.booleans(), st.floats(-9, 9)
)
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
MOMENTS = st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30))
TIMES = st.one_of(st.none(), MOMENTS, MOMENTS.map(lambda at: at.replace(tzinfo=EAST)))
FLAGS = st.sampled_from([None, True, False])
ROWS = st.lists(
    st.fixed_dictionaries({"at": TIMES, "flag": FLAGS, "kind": TEXTS, "n": NUMBERS}),
    min_size=1,
    max_size=5,
)


@given(ROWS)
def test_a_row_becomes_what_it_became_in_training(rows: list[dict[str, Any]]) -> None:
    columns = prepared_columns(SCHEMA)
    expected = prepare(pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object)
                                     for name in rows[0]}), SCHEMA)  # fmt: skip
    sent = [{**row, "at": None if row["at"] is None else row["at"].isoformat()} for row in rows]
    numbers, texts, _ = Reader(FIELDS, SCHEMA).read(sent)
    made = np.array(numbers, dtype=np.float32)
    np.testing.assert_array_equal(made, expected[list(columns.numbers)].to_numpy(np.float32))
    assert texts == expected[list(columns.categories)].to_numpy(object).tolist()


def problems(rows: list[Any], fields: RequestSchema = FIELDS) -> list[tuple[int, str, str]]:
    with pytest.raises(Unfit) as raised:
        Reader(fields, SCHEMA).read(rows)
    return [(problem.row, problem.field, problem.problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        ({"n": "5"}, "n", "is a number, not '5'"),
        ({"n": True}, "n", "is a number, not True"),
        ({"n": [1]}, "n", "is a number, not '[1]'"),
        ({"flag": "true"}, "flag", "is true or false, not 'true'"),
        ({"flag": 1}, "flag", "is true or false, not 1"),
        ({"kind": {}}, "kind", "is a text, a number, true or false, not '{}'"),
        ({"kind": "x" * 10_001}, "kind", "is a text, a number, true or false, not"),
        ({"at": 5}, "at", "is a time as text, written as in ISO 8601, not 5"),
        ({"at": "2024-13-01"}, "at", "is a time as text, written as in ISO 8601, not '2024-13-01'"),
        ({"kinds": "a"}, "kinds", "is no field of this model; did you mean kind?"),
        ({"KIND": "a"}, "KIND", "is no field of this model; did you mean kind?"),
        ({"zzz": 1}, "zzz", "is no field of this model"),
    ],
)
def test_what_does_not_fit_is_named(row: dict[str, Any], field: str, why: str) -> None:
    ((place, named, problem),) = problems([{"n": 1}, row])
    assert (place, named) == (1, field)
    assert problem.startswith(why)


def test_what_was_inside_of_an_object_is_sent_under_its_flat_name() -> None:
    inner = RequestSchema((Field("wind.speed", "number", True, False),))
    reader = Reader(inner, FeatureSchema((Feature("wind.speed", "number"),)))
    assert reader.read([{"wind.speed": 3.5}]).numbers == [[3.5]]
    with pytest.raises(Unfit) as raised:
        reader.read([{"wind": {"speed": 3.5}}])
    assert [(problem.field, problem.problem) for problem in raised.value.problems] == [
        ("wind.speed", "is missing, and training saw no row without it"),
        ("wind", "is no field of this model; what is in it is sent flat, as wind.speed"),
    ]


def test_what_training_never_saw_missing_is_needed() -> None:
    needed = replace(FIELDS, fields=tuple(replace(field, missing=False) for field in FIELDS.fields))
    good = {"at": "2024-01-01", "flag": True, "kind": "a", "n": 1}
    Reader(needed, SCHEMA).read([good])
    found = problems([{}, {**good, "kind": ""}, {**good, "n": 1e39}, {**good, "at": None}], needed)
    assert [(row, field, why.partition(",")[0]) for row, field, why in found] == [
        *((0, name, "is missing") for name in ("at", "flag", "kind", "n")),
        (1, "kind", "is empty"),
        (2, "n", "is beyond what the model's numbers can hold"),
        (3, "at", "is null"),
    ]


def test_at_most_so_many_problems_are_told() -> None:
    assert len(problems([{"n": "x", "kind": []}] * 1000)) == MOST_PROBLEMS


def test_problems_that_are_not_told_are_not_denied() -> None:
    names = [f"gene {place}" for place in range(500)]
    fields = RequestSchema(tuple(Field(name, "number", True, False) for name in names))
    reader = Reader(fields, FeatureSchema(tuple(Feature(name, "number") for name in names)))
    row = dict.fromkeys(names, 1)
    told = {
        1: "at least 100 problems; the first 100, in 1 row, are named; nothing was predicted",
        497: "3 problems in 1 row; nothing was predicted",
    }
    for sent, why in told.items():
        with pytest.raises(Unfit) as raised:
            reader.read([dict(islice(row.items(), sent))])
        assert json.loads(unfit(raised.value).body)["error"] == why
        assert str(raised.value).startswith(why.partition(" problems")[0])


def test_of_any_number_of_unknown_names_few_are_looked_up() -> None:
    names = [f"n{place}" for place in range(500)]
    fields = RequestSchema(tuple(Field(name, "number", True, True) for name in names))
    reader = Reader(fields, FeatureSchema(tuple(Feature(name, "number") for name in names)))
    row = {f"n{place}x": place for place in range(10_000)}
    started = time.thread_time()
    with pytest.raises(Unfit) as raised:
        reader.read([row] * 3)
    # one of them is looked up in about 5 ms; all of them took minutes
    assert time.thread_time() - started < 1.0
    told = raised.value.problems
    assert len(told) == MOST_PROBLEMS
    assert [problem.problem for problem in told[:SUGGESTED]] == [
        f"is no field of this model; did you mean n{place}?" for place in range(SUGGESTED)
    ]
    assert {problem.problem for problem in told[SUGGESTED:]} == {"is no field of this model"}


def test_unknown_names_behind_other_problems_get_their_suggestion() -> None:
    found = problems([{"n": "x"}] * 20 + [{"kinds": "a"}])
    assert found[-1] == (20, "kinds", "is no field of this model; did you mean kind?")


def test_what_the_model_does_not_use_may_be_sent() -> None:
    request = replace(FIELDS, fields=(*FIELDS.fields, Field("id", "number", False, True)))
    numbers, *_ = Reader(request, SCHEMA).read([{"id": "anything", "n": 2}])
    assert numbers[0][-1] == 2


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    assert frame["at"].dt.year.notna().all()
    return frame.assign(n=frame["n"] * 2)


def test_a_users_transform_sees_typed_columns() -> None:
    row = {"at": "2024-02-01T12:30:00", "flag": True, "kind": "a", "n": 2}
    plain, *_ = Reader(FIELDS, SCHEMA).read([row])
    numbers, texts, _ = Reader(FIELDS, SCHEMA, doubled).read([row])
    assert numbers[0][:-1] == plain[0][:-1]
    assert (numbers[0][-1], texts) == (4, [["a"]])
    with pytest.raises(Unfit, match="1 problem, of"):
        Reader(FIELDS, SCHEMA, doubled).read([{**row, "at": None}])


def test_fields_that_the_model_does_not_look_at_are_told() -> None:
    unused = (Field("invoice", "category", False, True), Field("ticket", "number", False, True))
    request = replace(FIELDS, fields=(*FIELDS.fields, *unused), key=("ticket",))
    reader = Reader(request, SCHEMA)
    row = {"at": "2024-01-01", "flag": True, "kind": "a", "n": 1}
    assert reader.read([row]).ignored == ()
    # the key names the row
    assert reader.read([{**row, "ticket": 7}]).ignored == ()
    made = reader.read([row, {**row, "ticket": 7, "invoice": "R-1"}])
    assert made.ignored == ("invoice",)
    assert made.pick([1]).ignored == ("invoice",)


def test_a_transform_hides_no_field_that_is_not_looked_at() -> None:
    unused = Field("invoice", "category", False, True)
    request = replace(FIELDS, fields=(*FIELDS.fields, unused))
    row = {"at": "2024-01-01", "flag": True, "kind": "a", "n": 1, "invoice": "R-1"}
    assert Reader(request, SCHEMA, doubled).read([row]).ignored == ("invoice",)


def test_a_name_is_the_same_however_its_letters_are_composed() -> None:
    schema = FeatureSchema((Feature("café", "category"), Feature("n", "number")))
    fields = tuple(Field(feature.name, feature.kind, True, True) for feature in schema.features)
    reader = Reader(RequestSchema(fields), schema)
    numbers, texts, _ = reader.read([{"cafe\u0301": "open", "n": 2}, {"café": "shut"}])
    assert texts == [["open"], ["shut"]]
    assert numbers[0] == [2]
    with pytest.raises(Unfit) as raised:
        reader.read([{"cafe\u0301": [1], "x": 1}])
    assert [problem.field for problem in raised.value.problems] == ["café", "x"]


def test_free_text_becomes_its_words() -> None:
    schema = FeatureSchema((Feature("a", "text"), Feature("b", "category"), Feature("c", "text")))
    fields = tuple(
        Field(feature.name, feature.kind, True, feature.name != "a") for feature in schema.features
    )
    reader = Reader(RequestSchema(fields), schema)
    sent = [{"a": "Late, LATE again", "b": "x", "c": None}, {"a": "?!", "b": None, "c": 12.5}]
    expected = prepare(pd.DataFrame(sent), schema)
    made = reader.read(sent)
    assert made.texts == expected[list(prepared_columns(schema).written)].to_numpy().tolist()
    assert made.texts == [["x", "late again", "__missing__"], ["__missing__", "_", "12 5"]]
    with pytest.raises(Unfit, match="a"):
        reader.read([{"a": "", "b": "x"}])
    with pytest.raises(Unfit):
        reader.read([{"a": "x" * 100_001}])
    assert reader.read([{"a": "x" * 50_000}]).texts[0][1] == "x" * 50_000


def test_a_name_with_an_accent_may_come_as_one_sign_or_as_two() -> None:
    named = Feature("caf\u00e9", "number")
    fields = RequestSchema((Field(named.name, "number", True, False),))
    reader = Reader(fields, FeatureSchema((named,)))
    for name in ("caf\u00e9", "cafe\u0301"):
        assert reader.read([{name: 7}]).numbers == [[7]]
    with pytest.raises(Unfit, match="problems, of"):
        reader.read([{"cafe\u0300": 7}])
