"""Score a source of any length in bounded memory: every row of it, in its order, by one version."""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.data.columns import FileRows
from tasks.data.curated import read_columns
from tasks.data.table import table_in
from tasks.errors import DataError, Refused
from tasks.faults import external_write
from tasks.labels.known import load_history, newest_versions
from tasks.policy.reading import count_text
from tasks.promotion.versions import load, manifest_of, require_champion
from tasks.scoring.ahead import work_ahead
from tasks.scoring.chunk import Chunker, score_chunk
from tasks.scoring.judgement import Labelled, judge_labelled, make_entry, share_seen
from tasks.scoring.learned import name_identity, share_learned
from tasks.scoring.outputs import resolve_output
from tasks.scoring.parts import PARQUET, Parts
from tasks.scoring.run import Pin, Say, Scoring, forget_scoring, name_run, pin_scoring
from tasks.scoring.sources import RowSource, open_rows, resolve_key
from tasks.scoring.thinning import Thinned, join_thinned
from tasks.store.lease import HeldElsewhere, leased
from tasks.workspace import Workspace

# Rows: a part is held in memory, and a death costs at most one.
PART_ROWS = 1_048_576
# Seconds: so long waits who starts a scoring again whose run was killed.
LEASE = 6.0


def score_source(
    workspace: Workspace,
    source: str,
    output: str | None = None,
    *,
    say: Say = lambda _: None,
    part_rows: int = PART_ROWS,
    lease: float = LEASE,
) -> dict[str, Any]:
    """Score the object or Delta table `source` into `output`; same rows, same order.

    A scoring that died goes on behind its last part, with the version that it began with. Where
    rows have the target, the model is judged on them (on at most 200,000, evenly taken), and that
    is recorded in the ledger.

    Args:
        workspace: the pipeline's.
        source: a key or an `s3://` address in the bucket; `curated` is the pipeline's own table.
        output: likewise; what ends in `.parquet` is an object, else a Delta table, which gets the
            rows in one commit, once; None makes an object under a name of its own.
        say: told of the progress, part by part.
        part_rows: rows a part.
        lease: seconds until the scoring of a run that died is taken up.

    Raises:
        Refused: there is no champion yet, or another run does the same scoring.
        NotFound: there is no such source.
        DataError: the source cannot be read, lacks a feature, or a value does not fit.
        IntegrityError: the model's files or the parts do not hold.
    """
    layout, pipeline, bucket = workspace.layout, workspace.pipeline, workspace.bucket
    limit = pipeline.data.max_bytes
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        key = resolve_key(source, bucket, layout)
        corrected = pipeline.key if key == layout.curated else ()
        rows = open_rows(bucket, key, limit, folder, pipeline.source, corrected)
        where = layout.scoring_lease(name_run(rows.identity, output))
        try:
            with leased(bucket, where, lease, "score", key, outwait=True):
                return _whole(workspace, rows, output, part_rows, say, folder)
        except HeldElsewhere as error:
            rule, came = "one run does a scoring at a time", "another run does the same"
            remedy = "Wait until it has ended: its output is this one's."
            raise Refused(f"scoring {source}", rule, came, remedy) from error


def _whole(
    workspace: Workspace,
    rows: RowSource,
    output: str | None,
    part_rows: int,
    say: Say,
    folder: Path,
) -> dict[str, Any]:
    bucket, layout = workspace.bucket, workspace.layout
    scoring = _begun(workspace, rows, output, part_rows, say)
    try:
        outcome = _scored(scoring, folder)
    # the source has to be mended; what is scored then takes the champion of then
    except DataError:
        forget_scoring(bucket, layout, scoring.run)
        raise
    if outcome.get("metrics"):
        with external_write("score.ledger"):
            entry = make_entry(workspace.pipeline, _digest(rows, scoring.pin), outcome)
            workspace.ledger.append(entry)
    # last: until the pin is gone, a death leads back here, and what was done is found done
    with external_write("score.cleared"):
        forget_scoring(bucket, layout, scoring.run)
    return outcome


def _begun(
    workspace: Workspace, rows: RowSource, output: str | None, part_rows: int, say: Say
) -> Scoring:
    """Pin the scoring, or take up an earlier one's pin, and load the version that scores."""
    layout, bucket, run = workspace.layout, workspace.bucket, name_run(rows.identity, output)
    asked = None if output is None else resolve_output(output, bucket, layout)

    def propose() -> Pin:
        champion = require_champion(workspace)
        asks = manifest_of(workspace, champion.version).schema.get("history")
        versions = newest_versions(workspace, workspace.pipeline) if asks else None
        return Pin(champion.version, champion.digest, rows.version(), part_rows, versions)

    pin = pin_scoring(bucket, layout, run, propose)
    model = load(workspace, pin.version, pin.digest)
    made, history, known = layout.scored(_digest(rows, pin)), model.schema.history, None
    if history is not None and pin.known is not None:
        known = load_history(workspace, workspace.pipeline, history, pin.known)
    return Scoring(workspace, model, rows, run, pin, asked or made, say, known)


def _scored(scoring: Scoring, folder: Path) -> dict[str, Any]:
    pipeline, rows, pin = scoring.workspace.pipeline, scoring.rows, scoring.pin
    lineage = scoring.model.manifest.lineage
    schema = _wanted(scoring, read_columns(scoring.workspace.curated))
    identity = name_identity(pipeline.key, rows.names(), schema.names)
    scoring = replace(scoring, identity=identity)
    with Parts(scoring, folder / "predictions") as parts:
        taken = parts.take_up()
        if taken:
            before = count_text(taken, "part", "parts")
            scoring.say(f"Going on behind {before} that version {pin.version} scored before")
        found, count = _put(scoring, schema, parts, taken)
        _deliver(scoring, parts.finish(count))
    return {
        "pipeline": pipeline.name,
        "version": pin.version,
        "object": rows.name,
        "data_version": pin.data_version,
        "bytes": rows.size,
        "rows": count,
        "output": scoring.target,
        "format": "delta" if scoring.to_table else "parquet",
        "resumed_parts": taken,
        "labelled": found.count,
        "judged": len(found.places),
        "metric": pipeline.metric,
        "seen": share_seen(lineage, found.labelled),
        "learned": share_learned(scoring.workspace, lineage, identity, found.labelled.hashes),
        **judge_labelled(pipeline, scoring.model.manifest, found.labelled),
    }


def _put(scoring: Scoring, schema: pa.Schema, parts: Parts, taken: int) -> tuple[Thinned, int]:
    """Put the parts behind the first `taken`; return what is needed to judge all, and the rows."""
    from joblib import cpu_count  # type: ignore[import-untyped]

    pin, rows = scoring.pin, scoring.rows
    manifest = scoring.model.manifest
    none = Labelled.empty(manifest, scoring.workspace.pipeline, scoring.identity)
    chunker, total = Chunker(), rows.total(pin.data_version)
    labelled = Thinned(none, np.zeros(0, np.int64))
    labelled = join_thinned([labelled, *parts.labelled(taken, none)])
    started = time.monotonic()
    chunks = chunker.cut(rows.tables(schema, pin.data_version), pin.rows, taken)
    done = before = taken * pin.rows
    # the user's function was never promised to run in several threads at once; joblib's count
    # knows the limits of a container, which the standard library's does not
    workers = int(cpu_count()) if scoring.model.transform is None else 1
    made = work_ahead(partial(score_chunk, scoring), chunks, workers)
    for number, group in groupby(made, key=lambda chunk: chunk.part):
        some = list(group)
        own = join_thinned([chunk.labelled for chunk in some])
        labelled = join_thinned([labelled, own])
        part = pa.concat_tables([chunk.table for chunk in some])
        parts.put(number, part, own)
        done += part.num_rows
        scoring.say(say_progress(done, total, done - before, time.monotonic() - started))
    if not chunker.rows:
        raise DataError("source", "it holds rows", "none")
    return labelled, chunker.rows


def _deliver(scoring: Scoring, made: Path) -> None:
    """Write the output: the file as it is, or its rows in one commit."""
    with external_write("score.output"):
        if not scoring.to_table:
            scoring.workspace.bucket.upload(made, scoring.target, content_type=PARQUET)
            return
        table = table_in(scoring.workspace.bucket, scoring.target)
        said = {"run": scoring.run, "model": str(scoring.pin.version)}
        table.append(FileRows(made), scoring.transaction, said)


def _wanted(scoring: Scoring, schema: pa.Schema | None) -> pa.Schema:
    """Return the columns to read: all where the user's function may take any of them.

    Raises:
        DataError: a feature is no column of the source.
    """
    assert schema is not None, "a champion was trained on a curated table"
    model, pipeline = scoring.model, scoring.workspace.pipeline
    if model.manifest.lineage.transform and model.schema.history is None:
        return schema
    model.require(scoring.rows.names())
    features = [feature.name for feature in model.schema.features]
    history = model.schema.history
    looked_up = () if history is None else history.asked_by
    wanted = {*features, *pipeline.placed_by, pipeline.target, *looked_up}
    columns = [column for column in schema if column.name in wanted]
    if history is not None:
        # what a source brings along itself counts, as in a request
        kind, there = pa.float64() if history.numeric else pa.string(), {*scoring.rows.names()}
        columns += [pa.field(name, kind) for name in history.names if name in there]
    return pa.schema(columns)


def _digest(rows: RowSource, pin: Pin) -> str:
    """Name a scoring by what was scored and the model that scored it."""
    read = rows.identity if not pin.read else f"{rows.identity} {pin.read.removeprefix('-')}"
    return hashlib.sha256(f"{read} {pin.digest}".encode()).hexdigest()


def say_progress(rows: int, total: int | None, fresh: int, seconds: float) -> str:
    """Say how many rows are done, and how fast the `fresh` ones of this process were.

    >>> say_progress(2_500_000, 10_000_000, 2_500_000, 5.0)
    '25% scored: 2,500,000 of 10,000,000 rows, 500,000 a second'
    >>> say_progress(1_000, None, 0, 0.0)
    '1,000 rows scored'
    """
    pace = f", {fresh / seconds:,.0f} a second" if seconds > 0 and fresh else ""
    # CSV and JSON lines do not say how many rows they hold
    if not total:
        return f"{count_text(rows, 'row', 'rows')} scored{pace}"
    return f"{rows * 100 // total}% scored: {rows:,} of {total:,} rows{pace}"
