"""Where predictions may be written."""

from __future__ import annotations

import pytest

from tasks.errors import ConfigurationError
from tasks.scoring.outputs import resolve_output
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tests.buckets import local

LAYOUT = Layout("visits")


@pytest.fixture
def bucket() -> Bucket:
    made = local()
    for key in (
        "visits/curated/_delta_log/00000000000000000000.json",
        "sales/ledger/_delta_log/00000000000000000000.json",
        "shared/all/_delta_log/00000000000000000000.json",
    ):
        made.put(key, b"{}")
    return made


@pytest.mark.parametrize(
    ("output", "key"),
    [
        ("s3://{bucket}/out.parquet", "out.parquet"),
        ("s3://{bucket}/team/may/out.parquet", "team/may/out.parquet"),
        ("s3://{bucket}/visits/scores", "visits/scores"),
        ("visits/scores/may.parquet", "visits/scores/may.parquet"),
        ("sales/scores/of-visits", "sales/scores/of-visits"),
        ("shared/all", "shared/all"),
        ("shared/other.parquet", "shared/other.parquet"),
    ],
)
def test_it_lies_apart_or_under_scores(bucket: Bucket, output: str, key: str) -> None:
    assert resolve_output(output.format(bucket=bucket.name), bucket, LAYOUT) == key


@pytest.mark.parametrize(
    ("output", "rule"),
    [
        ("curated", "beside the pipeline's table"),
        ("visits", "apart from what is kept"),
        ("visits/curated", "apart from what is kept"),
        ("visits/curated/part-0.parquet", "apart from what is kept"),
        ("s3://{bucket}/visits/incoming/next.parquet", "apart from what is kept"),
        ("visits/scores.parquet", "apart from what is kept"),
        ("sales/ledger", "apart from what is kept"),
        ("sales/models/1/model.parquet", "apart from what is kept"),
        ("mlflow/1/model.parquet", "apart from what is kept"),
        ("results/a.parquet", "apart from what is kept"),
        ("shared/all/part-9.parquet", "it lies in no table; got shared/all"),
        ("team/../visits/curated", "no empty, . or .. part"),
        ("team//out.parquet", "no empty, . or .. part"),
        ("s3://elsewhere/out.parquet", "it lies in the bucket"),
    ],
)
def test_it_writes_over_nothing_of_ours(bucket: Bucket, output: str, rule: str) -> None:
    with pytest.raises(ConfigurationError, match=rule):
        resolve_output(output.format(bucket=bucket.name), bucket, LAYOUT)
