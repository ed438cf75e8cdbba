"""Names that collide, or are written in two ways, from a file to answers: each stays its own."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from expectations.suite import Suite
from tasks.config import Pipeline, check_pipeline
from tasks.data.table import table_in
from tasks.errors import ConfigurationError
from tasks.explanation.file import explain_file
from tasks.scoring.chunk import name_probabilities
from tasks.scoring.score import score_source
from tasks.validation.suite import compose_names
from tasks.workspace import Workspace
from tests import life

EXACT = 2**53  # whole numbers from here on that float64 does not tell apart
ODD = 'size, "big" (m²); {x}=y'
APART = unicodedata.normalize("NFD", "Größe")
CLASSES = ("Yes", "a,b;{}()=", "über")


def orders(count: int, start: int = 0) -> pd.DataFrame:
    rows = life.toy_rows(count, start)
    draw = np.random.default_rng(start)
    kinds = np.array(CLASSES)[np.digitize(rows["size"].fillna(0) + draw.normal(size=count) / 4,
                                          [-0.6, 0.6])]  # fmt: skip
    return pd.DataFrame(
        {
            "id": EXACT + rows["id"],
            "at": rows["at"],
            ODD: rows["size"],
            APART: draw.normal(size=count),
            # what scoring writes too: here these are features
            "prediction": rows["colour"],
            "model_version": draw.integers(0, 9, count),
            "probability_Yes": draw.random(count),
            "high": kinds,
        }
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = life.toy_workspace(
        tmp_path_factory.mktemp("names"),
        task="multiclass",
        data={"suite": "tests.suites.open_columns"},
        training={"families": ["lightgbm"], "trials": 0, "metric": None},
        gate={"slices": ["prediction"]},
    )
    done = life.ingest(workspace, "a.csv", orders(900))
    assert (done.outcome, done.rows) == ("accepted", 900)
    ended = life.train(workspace)
    assert ended.outcome == "promoted", ended.summary
    return workspace


def test_keys_that_float64_would_merge_stay_two(workspace: Workspace, tmp_path: Path) -> None:
    outcome = score_source(workspace, "curated")
    made = pd.read_parquet(io.BytesIO(workspace.bucket.get(outcome["output"])))
    assert sorted(made["id"]) == list(range(EXACT, EXACT + 900))
    path = tmp_path / "two.csv"
    orders(2).to_csv(path, index=False)
    keys = [key["id"] for key in explain_file(workspace, path, 2).keys]
    assert keys == [str(EXACT), str(EXACT + 1)]


def test_what_is_scored_is_written_beside_columns_of_the_same_name(workspace: Workspace) -> None:
    target = f"s3://{workspace.bucket.name}/out/odd"
    score_source(workspace, "curated", target)
    made = pl.DataFrame(pl.from_arrow(table_in(workspace.bucket, "out/odd").rows() or ()))
    expected = ["id", "at", "prediction", *name_probabilities(CLASSES), "model_version", "_row"]
    assert made.columns == expected
    assert set(made["prediction"]) <= set(CLASSES)
    assert made["_row"].sort().to_list() == list(range(900))
    shares = made.select(pl.col(r"^probability_.*$")).sum_horizontal()
    assert np.allclose(shares, 1, atol=1e-5)


@pytest.mark.parametrize("name", ["prediction", "Model_Version", "_row", "probability_yes"])
@pytest.mark.parametrize("role", ["key", "event_time"])
def test_a_key_of_that_name_is_refused(name: str, role: str) -> None:
    given = {
        "name": "toy",
        "task": "binary",
        "target": "y",
        role: [name] if role == "key" else name,
    }
    with pytest.raises(ConfigurationError, match="scoring writes itself"):
        check_pipeline(given, "toy")


def test_classes_that_differ_by_case_or_composition_have_columns_of_their_own() -> None:
    made = name_probabilities(["yes", "YES", "Yes", unicodedata.normalize("NFD", "ü"), "ü"])
    assert len({name.casefold() for name in made}) == 5
    assert all(unicodedata.is_normalized("NFC", name) for name in made)


def test_one_form_of_unicode_at_every_door(workspace: Workspace) -> None:
    schema = workspace.curated.schema()
    assert schema is not None
    assert "Größe" in schema.names
    assert APART not in schema.names
    content = workspace.pipeline.model_dump(mode="json")
    content |= {"target": APART, "key": [APART + "2"], "event_time": APART + "3"}
    content["features"] |= {"exclude": [APART]}
    content["data"] |= {"personal": [APART + "5"]}
    content["gate"] |= {"slices": [APART]}
    content["source"] = {"columns": {APART: {"decimal": ","}}, "leave_out": [APART + "4"]}
    read = Pipeline.model_validate(content)
    named = (read.target, *read.key, read.event_time, *read.features.exclude, *read.data.personal,
             *read.gate.slices, *read.source.columns, *read.source.leave_out)  # fmt: skip
    assert all(unicodedata.is_normalized("NFC", name or "") for name in named)


def test_a_suite_names_columns_as_files_have_them() -> None:
    import great_expectations.expectations as gxe

    made = compose_names(
        Suite(
            columns={APART: "number", "b": "string"},
            expectations=(
                gxe.ExpectColumnValuesToNotBeNull(column=APART),
                gxe.ExpectCompoundColumnsToBeUnique(column_list=["b", APART]),
                gxe.ExpectTableRowCountToBeBetween(min_value=1),
            ),
        )
    )
    assert [*(made.columns or ())] == ["Größe", "b"]
    assert made.expectations[0].column == "Größe"
    assert made.expectations[1].column_list == ["b", "Größe"]
