"""Landing objects on a real store: rows once, reasons beside what was refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tasks.data.curated import curated
from tasks.errors import ConfigurationError, NotFound
from tasks.ingestion.ingest import pending
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import workspace_of
from tests.servers import S3
from tests.tasks.ingestion.landing import drop, ingested, state
from tests.tasks.ingestion.scenes import HEADER, csv, people, row

pytestmark = pytest.mark.system


def test_an_accepted_batch_lands_with_report_docs_and_receipt(s3: S3) -> None:
    pipeline, bucket = people("landing"), S3Bucket(s3.settings)
    key = drop(bucket, pipeline, "a.csv", csv(20))
    assert [info.key for info in pending(workspace_of(s3.settings, pipeline))] == [key]
    landed = ingested(s3.settings, pipeline, key)
    assert (landed.outcome, landed.rows) == ("accepted", 20)
    assert pending(workspace_of(s3.settings, pipeline)) == ()
    found = state(s3.settings, pipeline)
    assert len(found.visits) == 20
    assert found.quarantine == ()
    assert found.reports == tuple(f"{landed.batch}.{end}" for end in ("html", "json", "md"))
    assert found.docs == ("index.html", f"validations/{landed.batch}.accepted.html")
    assert found.receipts == (f"accepted {landed.batch} {key}",)
    table = curated(open_bucket(s3.settings), pipeline.name)
    assert table.has(landed.batch) == landed.version
    assert bucket.head(landed.report_key) is not None
    batches = set(table.read(["_batch"]).column("_batch").to_pylist())
    assert batches == {landed.batch}


def test_a_refused_batch_is_quarantined_with_its_reasons(s3: S3) -> None:
    pipeline, bucket = people("refused"), S3Bucket(s3.settings)
    content = csv(5, ward="nowhere")
    landed = ingested(s3.settings, pipeline, drop(bucket, pipeline, "report.json", content))
    assert landed.outcome == "quarantined"
    key = drop(bucket, pipeline, "a.csv", content)
    again = ingested(s3.settings, pipeline, key)
    assert (again.outcome, again.version) == ("already", None)
    folder = Layout(pipeline.name).quarantine(landed.batch)
    assert bucket.get(f"{folder}object.report.json") == content.encode()
    assert json.loads(bucket.get(f"{folder}report.json"))["accepted"] is False
    assert curated(open_bucket(s3.settings), pipeline.name).version() is None


def test_the_same_bytes_land_once_whatever_their_name(s3: S3) -> None:
    pipeline, bucket = people("same"), S3Bucket(s3.settings)
    first = ingested(s3.settings, pipeline, drop(bucket, pipeline, "a.csv", csv(5)))
    second = ingested(s3.settings, pipeline, drop(bucket, pipeline, "b.csv", csv(5)))
    third = ingested(s3.settings, pipeline, drop(bucket, pipeline, "a.csv", csv(5)))
    assert (second.outcome, second.version) == ("already", first.version)
    assert third.outcome == "already"
    assert len(state(s3.settings, pipeline).visits) == 5


def test_a_lost_receipt_costs_no_row(s3: S3) -> None:
    pipeline, bucket = people("receipts"), S3Bucket(s3.settings)
    key = drop(bucket, pipeline, "a.csv", csv(5))
    ingested(s3.settings, pipeline, key)
    before = state(s3.settings, pipeline)
    for info in list(bucket.list(Layout(pipeline.name).receipts)):
        bucket.delete(info.key)
    assert [info.key for info in pending(workspace_of(s3.settings, pipeline))] == [key]
    assert ingested(s3.settings, pipeline, key).outcome == "already"
    assert state(s3.settings, pipeline) == before


def test_an_object_that_changed_is_another_arrival(s3: S3) -> None:
    pipeline, bucket = people("changed"), S3Bucket(s3.settings)
    ingested(s3.settings, pipeline, drop(bucket, pipeline, "a.csv", csv(5)))
    key = drop(bucket, pipeline, "a.csv", csv(7))
    assert [info.key for info in pending(workspace_of(s3.settings, pipeline))] == [key]
    landed = ingested(s3.settings, pipeline, key)
    assert landed.report is not None
    assert (landed.report.cleaning.duplicates_known, landed.rows) == (5, 2)
    assert len(set(state(s3.settings, pipeline).visits)) == 7


def test_the_first_batch_settles_columns_that_the_suite_leaves_open(s3: S3) -> None:
    pipeline = people("open", suite="tests.suites.open_columns")
    bucket = S3Bucket(s3.settings)
    ingested(s3.settings, pipeline, drop(bucket, pipeline, "a.csv", csv(5)))
    more = (HEADER + row(9)).replace(",stays", ",stays,extra").replace("\n", ",1\n").encode()
    more = more.replace(b"extra,1", b"extra")
    refused = ingested(s3.settings, pipeline, drop(bucket, pipeline, "b.csv", more))
    assert refused.report is not None
    assert [problem.rule for problem in refused.report.problems] == ["unexpected column"]
    worse = csv(3, cost="dear")
    refused = ingested(s3.settings, pipeline, drop(bucket, pipeline, "c.csv", worse))
    assert refused.report is not None
    assert [problem.column for problem in refused.report.problems] == ["cost"]


def test_the_same_object_twice_at_once_lands_once(s3: S3) -> None:
    pipeline, bucket = people("twice"), S3Bucket(s3.settings)
    key = drop(bucket, pipeline, "a.csv", csv(50))
    with ThreadPoolExecutor(4) as pool:
        landed = list(pool.map(lambda _: ingested(s3.settings, pipeline, key), range(4)))
    outcomes = sorted(each.outcome for each in landed)
    assert outcomes == ["accepted", "already", "already", "already"]
    found = state(s3.settings, pipeline)
    assert len(found.visits) == len(set(found.visits)) == 50
    report = json.loads(bucket.get(landed[0].report_key.replace(".html", ".json")))
    assert (report["kept"], report["cleaning"]["duplicates_known"]) == (50, 0)


def test_different_batches_that_share_keys_leave_each_key_once(s3: S3) -> None:
    pipeline, bucket = people("shared"), S3Bucket(s3.settings)
    contents = [csv(30) + row(100 + number) for number in range(5)]
    keys = [drop(bucket, pipeline, f"{n}.csv", text) for n, text in enumerate(contents)]
    with ThreadPoolExecutor(5) as pool:
        landed = list(pool.map(lambda key: ingested(s3.settings, pipeline, key), keys))
    assert {each.outcome for each in landed} == {"accepted"}
    visits = state(s3.settings, pipeline).visits
    assert len(visits) == len(set(visits)) == 35
    assert sum(each.rows for each in landed) == 35


def test_nothing_is_left_on_the_disk(s3: S3) -> None:
    pipeline, bucket = people("disk"), S3Bucket(s3.settings)
    ingested(s3.settings, pipeline, drop(bucket, pipeline, "a.csv", csv(5)))
    ingested(s3.settings, pipeline, drop(bucket, pipeline, "b.csv", b"\0"))
    assert list((s3.settings.home / "scratch").iterdir()) == []


def test_an_empty_suite_and_a_missing_object_are_told(s3: S3) -> None:
    bucket = S3Bucket(s3.settings)
    empty = people("empty", suite="tests.suites.nothing")
    key = drop(bucket, empty, "a.csv", csv(5))
    with pytest.raises(ConfigurationError, match="a suite has expectations"):
        ingested(s3.settings, empty, key)
    with pytest.raises(ConfigurationError, match="its module exists"):
        ingested(s3.settings, people("empty", suite="tests.suites.absent"), key)
    with pytest.raises(NotFound):
        ingested(s3.settings, people("empty"), f"{key}.gone")
    assert [info.key for info in pending(workspace_of(s3.settings, empty))] == [key]
    assert replace(state(s3.settings, empty), visits=()).receipts == ()
