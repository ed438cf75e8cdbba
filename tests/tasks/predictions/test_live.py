"""What was really answered, judged by the labels that came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score

from tasks.config import Pipeline
from tasks.errors import ConfigurationError, IntegrityError
from tasks.predictions.live import Live, judged, keyed
from tasks.predictions.read import answers, live_performance
from tasks.predictions.record import Record
from tasks.predictions.senders import SUFFICES
from tasks.predictions.table import predictions_table, rows_of
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.manifest import Manifest, sign
from tasks.reconciliation.readable import find_unreadable
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.workspace import Place, make_workspace
from tests.lineage import LINEAGE
from tests.servers import S3
from tests.tasks.ingestion.desk import curate, drop, file, landed, visits

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def record(
    keys: list[Any],
    chances: list[float],
    *,
    version: int = 1,
    minute: int = 0,
    role: str = "champion",
) -> Record:
    """Return one answer to some visits of day 1, each with its chance of staying."""
    ids = [f"{version}-{minute}-{key}" for key in keys]
    rows = [{"visit": key, "day": 1} for key in keys]
    at = (NOON + timedelta(minutes=minute)).timestamp()
    pairs = [[1 - chance, chance] for chance in chances]
    values = [int(chance > 0.5) for chance in chances]
    return Record(version, role, at, ids, rows, values, pairs)  # type: ignore[arg-type]


def live(pipeline: Pipeline, records: list[Record], truth: dict[str, int], **told: Any) -> Live:
    """Judge records by the truth about visits of day 1, without a store."""
    import polars as pl

    kinds = {"visit": pa.string(), "day": pa.int64()}
    first, repeated = keyed(rows_of(records, pipeline), kinds)
    known = pl.DataFrame(
        {"visit": list(truth), "day": [1] * len(truth), "stays": list(truth.values())},
        schema={"visit": pl.String, "day": pl.Int64, "stays": pl.Int64},
    )
    told = {"classes": {1: (0, 1), 2: (0, 1)}, "answered": 0, "cut": False, **told}
    return judged(pipeline, first, known, repeated=repeated, **told)


def test_the_figure_is_that_of_the_answers_and_the_coverage_is_stated() -> None:
    draw = np.random.default_rng(3)
    names = [f"v{number}" for number in range(300)]
    chances = draw.random(300).round(3)
    truth = {name: int(draw.random() < p) for name, p in zip(names[:200], chances, strict=False)}
    found = live(visits("a"), [record(names, chances.tolist())], truth)
    expected = roc_auc_score(list(truth.values()), chances[:200])
    assert found.live.value == pytest.approx(expected)
    assert found.live.low < expected < found.live.high
    assert (found.live.rows, found.live.labelled) == (300, 200)
    assert (found.live.rows, found.live.labelled, found.judged) == (300, 200, 200)
    assert found.versions == {1: 200}
    assert found.to_dict()["coverage"] == pytest.approx(2 / 3)


def test_of_each_key_the_first_answer_counts_whatever_the_order() -> None:
    """Whoever learned the truth cannot turn the figure by asking again."""
    early = record(["a", "b"], [0.9, 0.1], minute=0)
    late = record(["a", "b"], [0.1, 0.9], minute=1, version=2)
    for records in ([early, late], [late, early]):
        found = live(visits("a"), records, {"a": 1, "b": 0})
        assert (found.live.value, found.versions, found.live.rows) == (1.0, {1: 2}, 2)
        assert found.repeated == found.to_dict()["repeated"] == 2


def flooded(honest: int, wrong: int, *, first: bool = False) -> tuple[list[Record], dict[str, int]]:
    """Return honest answers, mostly right, wrong ones to another sender, and the truth.

    With `first`, the other sender asked before about all that the honest one asks about.
    """
    draw = np.random.default_rng(3)
    truth = {f"v{number}": int(draw.random() < 0.5) for number in range(honest)}
    good = [round(0.6 * y + 0.4 * draw.random(), 3) for y in truth.values()]
    records = [record([*truth], good, minute=1)._replace(sender="app")]
    asked = [*truth] if first else [f"m{number}" for number in range(wrong)]
    truth |= {} if first else {name: number % 2 for number, name in enumerate(asked)}
    bad = [round(1 - 0.9 * truth[name] - 0.05, 3) for name in asked]
    return [*records, record(asked, bad)._replace(sender="mallory")], truth


def test_of_what_is_judged_one_senders_answers_are_at_most_half() -> None:
    records, truth = flooded(SUFFICES, 3 * SUFFICES)
    found = live(visits("a"), records, truth)
    assert found.senders == {"app": SUFFICES, "mallory": SUFFICES}
    assert found.left_out == {"mallory": 2 * SUFFICES}
    assert found.judged == found.live.rows == found.live.labelled == 2 * SUFFICES
    assert found.to_dict()["left_out"] == {"mallory": 2 * SUFFICES}
    # the same rows at every look
    assert live(visits("a"), records[::-1], truth).live == found.live
    # fewer others would say less than what is left out
    few, known = flooded(300, 900)
    assert live(visits("a"), few, known).left_out == {}


def test_whoever_asks_first_about_everything_does_not_speak_for_all() -> None:
    records, truth = flooded(2_000, 0, first=True)
    found = live(visits("a"), records, truth)
    assert (found.live.rows, found.repeated) == (2_000, 2_000)
    assert 900 < found.senders["app"] < 1_100
    # and asking again, or writing a key in another way, draws no other lot
    again = records[1]._replace(ids=[f"again-{name}" for name in records[1].ids])
    assert live(visits("a"), [*records, again, again], truth).senders == found.senders


def test_answers_of_before_senders_were_recorded_are_one_senders() -> None:
    records, truth = flooded(300, 300)
    old = [one._replace(sender=None) for one in records]
    assert live(visits("a"), old, truth).senders == {"": 600}


def test_a_flood_keeps_no_others_answers_from_being_looked_at(settings: Settings) -> None:
    pipeline = visits("flood")
    honest = record([f"v{number}" for number in range(10)], [0.9] * 10)._replace(sender="app")
    append(settings, pipeline, [honest], "t1")
    flood = [f"m{number}" for number in range(60)]
    later = record(flood, [0.1] * 60, minute=9)._replace(sender="mallory")
    append(settings, pipeline, [later], "t2")
    asked = {"start": NOON, "roles": ["champion"], "limit": 30}
    rows, cut = answers(open_bucket(settings), pipeline.name, **asked)  # type: ignore[arg-type]
    assert (rows.num_rows, cut) == (30, True)
    assert rows["sender"].to_pylist() == ["mallory"] * 20 + ["app"] * 10
    told = {**asked, "without": "mallory"}
    rows, cut = answers(open_bucket(settings), pipeline.name, **told)  # type: ignore[arg-type]
    assert (rows["sender"].to_pylist(), cut) == (["app"] * 10, False)


def test_a_table_of_0_1_0_is_read_and_goes_on_with_senders(settings: Settings) -> None:
    pipeline, table = visits("older"), predictions_table(open_bucket(settings), "older")
    before = rows_of([record(["a", "b"], [0.9, 0.1])], pipeline).drop_columns(["sender"])
    table.append(before, "t1", {})
    asked = {"start": NOON, "roles": ["champion"], "limit": 9}

    def senders() -> list[str]:
        rows, _ = answers(open_bucket(settings), "older", **asked)  # type: ignore[arg-type]
        said: list[str] = rows["sender"].to_pylist()
        return said

    place = Place(open_bucket(settings), "older", settings.keyring)
    assert (senders(), find_unreadable(place)) == (["", ""], ())
    # as the shipper does it
    more = rows_of([record(["c"], [0.5], minute=1)._replace(sender="app")], pipeline)
    table.append(more, "t2", {}, evolve=True)
    assert (senders(), find_unreadable(place)) == (["app", "", ""], ())


def test_versions_are_judged_by_the_classes_of_the_newest() -> None:
    pipeline = Pipeline.model_validate({**visits("a").model_dump(), "task": "multiclass"})
    old = record(["a"], [0.75], version=1)._replace(probabilities=[[0.75, 0.25]])
    new = record(["b"], [0.75], version=2)._replace(probabilities=[[0.25, 0.25, 0.5]])
    other = record(["c"], [0.5], version=3, minute=9)._replace(probabilities=[[1.0]])
    classes: dict[int, Any] = {1: (2, 0), 2: (0, 1, 2), 3: None}
    found = live(pipeline, [old, new, other], {"a": 2, "b": 0, "c": 1}, classes=classes)
    assert found.versions == {1: 1, 2: 1}
    assert (found.live.labelled, found.judged) == (3, 2)
    expected = -(np.log(0.75) + np.log(0.25)) / 2
    assert found.metrics["log_loss"]["value"] == pytest.approx(expected)
    strange: dict[int, Any] = {1: (2, 7), 2: (0, 1, 2), 3: None}
    found = live(pipeline, [old, new, other], {"a": 2, "b": 0, "c": 1}, classes=strange)
    assert found.versions == {2: 1}


def test_a_regression_is_judged_by_its_numbers() -> None:
    told = {**visits("a").model_dump(), "task": "regression"}
    pipeline = Pipeline.model_validate(told)
    one = record(["a", "b", "c"], [0, 0, 0])._replace(values=[1.5, 4, None], probabilities=None)
    found = live(pipeline, [one], {"a": 2, "b": 3, "c": 1}, classes={1: ()})
    assert found.metrics["mae"]["value"] == pytest.approx(mean_absolute_error([2, 3], [1.5, 4]))
    assert (found.live.labelled, found.judged) == (3, 2)


@pytest.mark.parametrize("truth", [{}, {"a": 1}, {"z": 1}])
def test_without_two_classes_there_is_no_figure(truth: dict[str, int]) -> None:
    found = live(visits("a"), [record(["a", "b"], [0.9, 0.1])], truth)
    assert (found.live.known, found.metrics, found.live.rows) == (False, {}, 2)
    assert found.live.labelled == len(truth.keys() & {"a"})


def test_a_key_that_is_none_is_not_counted() -> None:
    rows = [{"visit": "a", "day": "1"}, {"visit": "b", "day": "soon"}, {"visit": "c"}, {}]
    odd = record(["a", "b", "c", "d"], [0.9, 0.5, 0.5, 0.5])._replace(rows=rows)
    found = live(visits("a"), [odd, record(["e"], [0.1], minute=1)], {"a": 1, "e": 0, "b": 1})
    assert (found.live.rows, found.live.labelled) == (2, 2)
    assert found.live.value == 1.0


def test_a_pipelines_columns_may_have_the_names_of_ours() -> None:
    import polars as pl

    told = {**visits("a").model_dump(), "key": ["id", "at"], "target": "value", "event_time": "t"}
    pipeline = Pipeline.model_validate(told)
    rows = [{"id": 7, "at": "2024-01-01"}, {"id": 8, "at": "2024-01-01"}]
    one = record(["a", "b"], [0.9, 0.1])._replace(rows=rows)
    kinds = {"id": pa.int64(), "at": pa.date32()}
    latest, _ = keyed(rows_of([one], pipeline), kinds)
    truth = pl.DataFrame({"id": [7, 8], "at": [date(2024, 1, 1)] * 2, "value": [0, 1]})
    found = judged(pipeline, latest, truth, {1: (0, 1)}, answered=2, cut=False)
    assert (found.live.value, found.judged) == (0.0, 2)


def append(settings: Settings, pipeline: Pipeline, records: list[Record], name: str) -> None:
    predictions_table(open_bucket(settings), pipeline.name).append(
        rows_of(records, pipeline), name, {}
    )


def publish(
    settings: Settings, pipeline: Pipeline, version: int, keyring: Keyring | None = None
) -> None:
    """Put a signed manifest of this version; no model is needed here."""
    import pandas as pd

    frame = pd.DataFrame({"x": np.array([0.0], dtype=np.float32)})
    manifest = Manifest(
        pipeline=pipeline.name,
        version=version,
        schema={},
        task=pipeline.task,
        classes=(0, 1),
        golden=Golden.of(frame, np.array([[0.5, 0.5]])),
        metrics={},
        data_version=1,
        window={"start": None, "end": None},
        run="",
        training_key="key",
        verdict=Verdict(True, ()),
        created=NOON,
        lineage=LINEAGE,
    )
    signed = sign(manifest, keyring or settings.keyring)
    open_bucket(settings).put(Layout(pipeline.name).manifest(version), signed)


@pytest.mark.system
def test_labels_of_both_kinds_judge_what_was_answered(s3: S3, tmp_path: Path) -> None:
    settings, pipeline = s3.settings, visits("live-both")
    before = live_performance(make_workspace(settings, pipeline), start=NOON)
    assert (before.answered, before.live.rows, before.live.known) == (0, 0, False)
    shadow = record(["v1", "v2", "v3"], [0.1, 0.9, 0.9], version=2, role="shadow")
    append(settings, pipeline, [record(["v1", "v2", "v3"], [0.9, 0.1, 0.2]), shadow], "t1")
    publish(settings, pipeline, 1)
    unlabelled = live_performance(make_workspace(settings, pipeline), start=NOON)
    assert (unlabelled.answered, unlabelled.live.labelled) == (3, 0)
    curate(settings, pipeline, tmp_path, {("v1", 1): 1, ("v2", 1): None, ("v3", 1): None}, "b1")
    key = drop(s3, pipeline, "a.csv", file(("v2", 1, 0), ("v9", 1, 1)))
    assert landed(settings, pipeline, key).outcome == "accepted"
    found = live_performance(make_workspace(settings, pipeline), start=NOON)
    assert (found.live.rows, found.live.labelled, found.judged) == (3, 2, 2)
    assert (found.live.value, found.versions) == (1.0, {1: 2})
    publish(settings, pipeline, 2)
    assert (
        live_performance(
            make_workspace(settings, pipeline), start=NOON, roles=["shadow"]
        ).live.value
        == 0.0
    )
    late = live_performance(make_workspace(settings, pipeline), start=NOON + timedelta(hours=1))
    assert late.answered == 0


def test_a_manifest_that_was_changed_judges_nothing(settings: Settings, tmp_path: Path) -> None:
    pipeline = visits("live-forged")
    append(settings, pipeline, [record(["v1"], [0.9])], "t1")
    curate(settings, pipeline, tmp_path, {("v1", 1): 1}, "b1")
    publish(settings, pipeline, 1, Keyring("another key"))
    with pytest.raises(IntegrityError, match="signature"):
        live_performance(make_workspace(settings, pipeline), start=NOON)


def test_a_pipeline_without_a_key_is_told(settings: Settings) -> None:
    pipeline = Pipeline.model_validate({**visits("live-none").model_dump(), "key": []})
    with pytest.raises(ConfigurationError, match="labels are joined by the key"):
        live_performance(make_workspace(settings, pipeline), start=NOON)


@pytest.mark.system
def test_answers_are_found_by_time_and_role(s3: S3) -> None:
    settings, pipeline = s3.settings, visits("answers")

    def read(
        start: datetime = NOON, roles: Sequence[str] = ("champion",), limit: int = 6
    ) -> tuple[pa.Table, bool]:
        bucket = open_bucket(settings)
        return answers(bucket, pipeline.name, start=start, roles=roles, limit=limit)

    def ids(**asked: Any) -> list[str]:
        said: list[str] = read(**asked)[0]["id"].to_pylist()
        return said

    assert ids() == []
    for minute in range(3):
        append(settings, pipeline, [record(["a", "b"], [0.9, 0.1], minute=minute)], f"{minute}")
    shadow = record(["a"], [0.5], minute=1, version=2, role="shadow")
    append(settings, pipeline, [shadow], "shadow")
    assert ids() == ["1-2-b", "1-2-a", "1-1-b", "1-1-a", "1-0-b", "1-0-a"]
    assert ids(start=NOON + timedelta(minutes=2)) == ["1-2-b", "1-2-a"]
    assert ids(roles=["shadow"]) == ["2-1-a"]
    rows, cut = read(limit=2)
    assert (rows["id"].to_pylist(), cut) == (["1-2-b", "1-2-a"], True)
    assert read(limit=6)[1] is False
    assert rows["probabilities"].to_pylist() == [[0.9, 0.1], [pytest.approx(0.1), 0.9]]
