from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.suite import Suite
from tasks.config import Pipeline, read_pipeline
from tasks.drafting.draft import Draft, Wishes, draft, say_draft
from tasks.drafting.file import COMMENTS, pipeline_text
from tasks.drafting.suite import suite_text
from tasks.drafting.wishes import apply_settings
from tasks.errors import ConfigurationError
from tasks.readers.study import ColumnStudy
from tests.tasks.drafting.seen import column, study_of

ROWS = 400
HOSTILE = """x", __import__('os').system('touch /tmp/owned'), "\n#"""
draw = np.random.default_rng(2)
SIZE = draw.normal(50, 9, ROWS).round(1)
KINDS = {"string": object, "integer": np.int64, "number": np.float64}


def a_time(name: str = "sold_at") -> tuple[ColumnStudy, pd.Series]:
    times = pd.Series(pd.date_range("2024-01-01", periods=ROWS, freq="h"))
    seen = column(name, "timestamp", times.astype(str).tolist())
    ends = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 17, tzinfo=UTC)
    return replace(seen, least=ends[0], most=ends[1]), times


COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "sale_id": ("string", [f"S-{i}" for i in range(ROWS)]),
    "record": ("integer", list(range(1, ROWS + 1))),
    "size": ("number", SIZE.tolist()),
    "kind": ("string", draw.choice(["house", "flat"], ROWS).tolist()),
    "garage": ("string", [None if i % 4 else "yes" for i in range(ROWS)]),
    "mail": ("string", [f"p{i}@example.org" for i in range(ROWS)]),
    "country": ("string", ["NL"] * ROWS),
    HOSTILE: ("integer", draw.integers(0, 9, ROWS).tolist()),
    "price": ("number", (SIZE * 1000 + draw.normal(0, 9000, ROWS)).round(0).tolist()),
}


NOTHING = Wishes()


def drafted(wishes: Wishes = NOTHING, *, target: str = "price", times: int = 1) -> Draft:
    given = [a_time(f"time_{place}") for place in range(times)]
    seen = [column(name, kind, values) for name, (kind, values) in COLUMNS.items()]
    study = study_of(*(told for told, _ in given), *seen, rows=ROWS)
    sample = pd.DataFrame({name: values for name, (_, values) in COLUMNS.items()})
    for place, (_, values) in enumerate(given):
        sample[f"time_{place}"] = values
    return draft("sales", "sales.csv", target, study, sample, wishes)


def test_every_column_has_its_role() -> None:
    made = drafted()
    assert (made.task.task, made.time.column, made.key) == ("regression", "time_0", ("sale_id",))
    assert set(made.left_out) == {"record"}
    assert set(made.personal) == {"mail"}
    assert made.constant == ("country",)
    assert made.leaks == {}
    assert len(say_draft(made)) <= 12


def test_without_a_time_rows_are_exchangeable() -> None:
    assert drafted(times=0).time.column is None
    assert drafted(Wishes(time="none")).time.column is None


def test_of_several_times_a_person_chooses() -> None:
    with pytest.raises(ConfigurationError) as told:
        drafted(times=2)
    assert "time_0 (such as 2024-01-01" in str(told.value)
    assert "--time none" in str(told.value)
    assert drafted(Wishes(time="time_1"), times=2).time.column == "time_1"


@pytest.mark.parametrize(
    ("wishes", "target", "said"),
    [
        (Wishes(), "prise", "Did you mean price?"),
        (Wishes(time="Time_O"), "price", "Did you mean time_0?"),
        (Wishes(key=("sale-id",)), "price", "Did you mean sale_id?"),
        (Wishes(time="size"), "price", "orders rows; got size, of kind number"),
        (Wishes(key=("size",)), "price", "no decimal number identifies rows"),
        (Wishes(key=("kind",)), "price", "differs in every row; got kind: 2 different values"),
        (Wishes(time="price"), "price", "the target is neither time nor key"),
        (Wishes(task="binary"), "price", "two values of price are binary"),
        (Wishes(task="regression"), "kind", "a regression predicts numbers"),
    ],
)  # fmt: skip
def test_a_wish_that_does_not_fit_gets_the_right_word_back(
    wishes: Wishes, target: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        drafted(wishes, target=target)
    assert said in str(told.value)


def test_a_name_that_scoring_writes_is_no_key() -> None:
    seen = column("prediction", "string", [f"p{i}" for i in range(ROWS)])
    y, x = column("y", "integer", [0, 1] * (ROWS // 2)), column("x", "number", SIZE.tolist())
    names = [f"p{i}" for i in range(ROWS)]
    sample = pd.DataFrame({"prediction": names, "x": SIZE, "y": [0, 1] * (ROWS // 2)})
    study = study_of(seen, x, y, rows=ROWS)
    assert draft("a", "a.csv", "y", study, sample, Wishes()).key == ()
    with pytest.raises(ValueError, match="no columns that scoring writes itself"):
        Pipeline(name="a", task="binary", target="y", key=("Prediction",))


def test_a_table_of_nothing_but_its_target_is_refused() -> None:
    y = column("y", "number", SIZE.tolist())
    name = column("id", "string", [f"p{i}" for i in range(ROWS)])
    sample = pd.DataFrame({"y": SIZE, "id": [f"p{i}" for i in range(ROWS)]})
    with pytest.raises(ConfigurationError, match="a column is left to learn from; got id"):
        draft("a", "a.csv", "y", study_of(y, name, rows=ROWS), sample, Wishes())


def test_the_file_says_every_key_and_reads_back_the_same(tmp_path: Path) -> None:
    made = drafted()
    pipeline = Pipeline.model_validate(made.content)
    path = tmp_path / "sales.yaml"
    path.write_text(pipeline_text(made, pipeline, made.content))
    assert read_pipeline(path).digest == pipeline.digest
    text = path.read_text()
    for key in (
        "holdout: 20%",
        "exclude: [record]",
        "personal: [mail]",
        "binary | multiclass | regression",
    ):
        assert key in text
    for key, comment in COMMENTS.items():
        assert key == "source" or comment.format(metrics="rmse, mae, r2") in text
    assert max(map(len, text.splitlines())) < 140


def test_a_hostile_name_stays_a_name_in_both_files(tmp_path: Path) -> None:
    made = replace(drafted(), leaks={HOSTILE: "alone it tells all"}, left_out={HOSTILE: "so"})
    pipeline = Pipeline.model_validate(made.content)
    path = tmp_path / "sales.yaml"
    path.write_text(pipeline_text(made, pipeline, made.content))
    assert read_pipeline(path).features.exclude == (HOSTILE,)
    scope: dict[str, Any] = {}
    exec(compile(suite_text(made), "suite.py", "exec"), scope)
    suite = scope["suite"]()
    assert isinstance(suite, Suite)
    assert list(suite.columns or ()) == list(made.study.columns)


@pytest.mark.parametrize("name", ["size", "7", "on", "a: b", "it's", HOSTILE])
def test_the_setting_that_is_told_of_a_leak_leaves_the_column_out(name: str) -> None:
    made = replace(drafted(), leaks={name: "alone it tells all"})
    line = next(line for line in say_draft(made) if "--set" in line)
    setting = shlex.split(line.partition("--set ")[2])
    assert apply_settings(made.content, setting)["features"]["exclude"][-1] == name


def test_the_suite_is_met_by_the_file_and_refuses_a_broken_one() -> None:
    text = suite_text(drafted())
    for line in (
        "gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=40000),",
        'gxe.ExpectColumnValuesToBeUnique(column="sale_id"),',
        'gxe.ExpectColumnValuesToNotBeNull(column="time_0"),',
        "min_value=datetime(2014, 1, 1),",
        "max_value=datetime(2100, 1, 1)",
        'column="kind", value_set=["flat", "house"], mostly=0.95',
        'gxe.ExpectColumnValuesToNotBeNull(column="kind", mostly=0.95),',
    ):
        assert line in text
    assert 'column="mail"' not in text
    assert 'column="garage", mostly' not in text  # three of four are missing


def test_a_wide_table_gets_no_check_a_column() -> None:
    seen = [column(f"f{i}", "number", SIZE.tolist()) for i in range(500)]
    study = study_of(*seen, column("y", "number", SIZE.tolist()), rows=ROWS)
    sample = pd.DataFrame({"y": SIZE} | {f"f{i}": draw.normal(size=ROWS) for i in range(500)})
    made = draft("wide", "wide.csv", "y", study, sample, Wishes())
    assert suite_text(made).count("gxe.Expect") < 10


@pytest.mark.parametrize(
    ("least", "low"), [(60.0, "0"), (0.0, "0"), (-1.0, "-310"), (900.0, "600")]
)
def test_no_range_goes_below_nothing_where_no_value_does(least: float, low: str) -> None:
    seen = column("size", "number", [least, least + 300.0] * 4)
    text = suite_text(
        draft(
            "a",
            "a.csv",
            "y",
            study_of(seen, column("y", "integer", [0, 1] * 4), rows=8),
            pd.DataFrame({"size": [least, least + 300.0] * 4, "y": [0, 1] * 4}),
            Wishes(),
        )
    )
    assert f"min_value={low}," in text
