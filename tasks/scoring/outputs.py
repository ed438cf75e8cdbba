"""Where a scoring may write: nowhere that anything else lies."""

from __future__ import annotations

from itertools import accumulate

from tasks.errors import ConfigurationError, StoreError
from tasks.scoring.sources import CURATED, is_table, resolve_key
from tasks.store.bucket import Bucket
from tasks.store.keys import checked_key
from tasks.store.layout import MARKS, RESERVED, SCORES, Layout


def resolve_output(output: str, bucket: Bucket, layout: Layout) -> str:
    """Return where in the bucket an output lies.

    Whoever may start a run names its output: it must not write over a table, a model or a ledger.

    Raises:
        ConfigurationError: it lies in another bucket, among what is kept there of this or another
            pipeline, or inside a table.
    """
    remedy = f"Choose another, such as s3://{bucket.name}/{layout.pipeline}/{SCORES}/may."
    if output == CURATED:
        rule = "predictions are written beside the pipeline's table"
        raise ConfigurationError("output", rule, output, remedy)
    key = resolve_key(output, bucket, layout)
    try:
        parts = checked_key(key).split("/")
    except StoreError as error:
        raise ConfigurationError(output, error.rule, error.came, remedy) from error
    top, folder = parts[0], "".join(parts[1:2])
    kept = top == layout.pipeline or _is_kept(bucket, top)
    if top in RESERVED or (kept and folder != SCORES):
        rule = f"an output lies apart from what is kept of pipelines, or under their {SCORES}/"
        raise ConfigurationError(output, rule, f"{top}/", remedy)
    for table in accumulate(parts[:-1], "{}/{}".format):
        if is_table(bucket, table):
            raise ConfigurationError(output, "it lies in no table", table, remedy)
    return key


def _is_kept(bucket: Bucket, folder: str) -> bool:
    return any(True for mark in MARKS for _ in bucket.list(f"{folder}/{mark}"))
