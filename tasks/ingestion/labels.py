"""Labels that come after their rows: judged against rows and labels known, into their table."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa

from expectations.suite import Suite
from tasks.data.curated import read_columns
from tasks.data.standing import scan_standing
from tasks.data.table import Table
from tasks.data.table_errors import translate_errors
from tasks.errors import DataError
from tasks.faults import external_write
from tasks.ingestion.agreement import accepted_changes, known_classes
from tasks.ingestion.entrance import Entrance, put_document
from tasks.ingestion.landing import Downloaded, Landed, Say
from tasks.labels import join
from tasks.labels.join import Counts, show_key
from tasks.labels.read import label_schema, read_labels
from tasks.labels.table import LABELLED_AT, check_key, labels_table
from tasks.policy.reading import count_text
from tasks.quantities import parse_duration
from tasks.readers.problem import Problem
from tasks.records import plain, read
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.validation.changes import SchemaChanges
from tasks.validation.classes import ClassesFound, count_values, judge_classes
from tasks.validation.report import Report
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace


@dataclass(frozen=True)
class LabelsJudged:
    """What was found in a file of labels at one version of the labels table.

    `came` are all its labels, and the selection says which to add; both are None for a refused
    file.
    """

    report: Report
    version: int | None = None
    came: pl.DataFrame | None = None
    selection: join.LabelSelection | None = None


@dataclass(frozen=True)
class LabelsLanding:
    """Lands files of labels in the labels table; `schema` is the key's columns and the target."""

    workspace: Workspace
    suite: Suite
    schema: pa.Schema
    entrance: Entrance
    table: Table

    def judge(
        self, arrived: Downloaded, version: int | None, before: LabelsJudged | None, say: Say
    ) -> LabelsJudged:
        pipeline, info = self.workspace.pipeline, arrived.info
        if before is None:
            empty = Report(pipeline.name, info.key, arrived.batch, info.size, "")
            empty = replace(empty, suite=pipeline.suite)
            came, report = read_labels(
                arrived.path, empty, self.schema, pipeline, self.suite, arrived.folder, say
            )
        else:
            came, report = before.came, before.report
        if came is None:
            return LabelsJudged(report, version)
        found = self._classes(came)
        if found.problems:
            changes = SchemaChanges(classes=found.acceptable, concealed=found.concealed)
            refused = replace(report, accepted=False, problems=found.problems, changes=changes)
            return LabelsJudged(refused, version)
        selection = self._compare(came, version, arrived)
        say(selection.counts.sentence)
        if not selection.joined:
            stranger = self._strange(selection.counts, arrived.batch)
            return LabelsJudged(replace(report, accepted=False, problems=(stranger,)), version)
        return LabelsJudged(report, version, came, selection)

    def publish(self, judged: LabelsJudged) -> None:
        if judged.selection is not None:
            # The version that will hold them; 0 is the empty table that the first append makes.
            version = (judged.version or 0) + 1
            self._report(judged.report.batch, version, judged.selection.counts)

    def append(self, arrived: Downloaded, judged: LabelsJudged, after: int) -> Landed | None:
        assert judged.selection is not None
        counts = judged.selection.counts
        rows = judged.selection.kept.to_arrow().cast(self.schema)
        modified = pl.lit(arrived.info.modified, pl.Datetime("us", "UTC"))
        revised = judged.selection.after.alias("_after").to_frame()
        moment = pl.max_horizontal(modified, pl.col("_after") + pl.duration(microseconds=1))
        came = revised.select(moment).to_series().to_arrow()
        rows = rows.append_column(BATCH, pa.array([arrived.batch] * rows.num_rows, pa.string()))
        rows = rows.append_column(LABELLED_AT, came.cast(pa.timestamp("us", "UTC")))
        told = {"object": arrived.info.key, "counts": json.dumps(plain(counts))}
        # a target that a person let hold numbers holds them here too
        appended = self.table.append(rows, arrived.batch, told, after=after, evolve=True)
        if not appended.landed:
            return None
        return Landed("accepted", arrived.batch, appended.version, counts=counts)

    def recall(self, batch: str, version: int) -> Landed:
        # What they were worth is told by the commit: judged now, each of them is a duplicate.
        for commit in self.table.history():
            if commit.transaction == batch:
                counts = read(Counts, json.loads(commit.metadata["counts"]), self.table.uri)
                return Landed("already", batch, version, counts=counts)
        return Landed("already", batch, version)

    def restate(
        self, arrived: Downloaded, judged: LabelsJudged | None, landed: Landed, say: Say
    ) -> None:
        if landed.counts is not None and landed.version is not None:
            self._report(arrived.batch, landed.version, landed.counts)

    def _compare(
        self, came: pl.DataFrame, version: int | None, arrived: Downloaded
    ) -> join.LabelSelection:
        pipeline, curated = self.workspace.pipeline, self.workspace.curated
        key, target = list(pipeline.key), pipeline.target
        # Of rows and labels, only those with a key of this file come into memory.
        wanted = came.lazy().select(key).unique()
        columns = dict.fromkeys([*key, target, pipeline.time_column, INGESTED_AT])
        rows = scan_standing(curated, key).select(list(columns))
        known = came.head(0)
        if version is not None:
            labels = self.table.scan(version).select([*key, target, LABELLED_AT])
            with translate_errors(self.table.uri):
                known = labels.join(wanted, on=key, how="semi").collect()
        with translate_errors(curated.uri):
            here = rows.join(wanted, on=key, how="semi").collect()
        # A delay of zero says that none was agreed: then no label is late.
        late_after = parse_duration(pipeline.monitoring.label_delay) or None
        selection = join.judge(
            came,
            here,
            known,
            key=key,
            target=target,
            event_time=pipeline.time_column,
            at=arrived.info.modified,
            late_after=late_after,
            revisions=pipeline.labels.revisions,
        )
        if not selection.counts.unknown:
            return selection
        theirs = came.select(key).join(here.select(key), on=key, how="anti").row(0)
        with translate_errors(curated.uri):
            ours = curated.scan().select(key).head(1).collect().row(0)
        look = [show_key(row, key, pipeline.data.personal) for row in (theirs, ours)]
        looks = f"yours look like {look[0]}, ours like {look[1]}"
        return replace(selection, counts=replace(selection.counts, strangers=looks))

    def _classes(self, came: pl.DataFrame) -> ClassesFound:
        workspace, pipeline = self.workspace, self.workspace.pipeline
        if pipeline.task == "regression":
            return ClassesFound()
        known = known_classes(workspace, scan_standing(workspace.curated, pipeline.key))
        accepted = accepted_changes(workspace.ledger.entries("schema")).classes
        counts = count_values(came.lazy(), pipeline.target)
        return judge_classes(counts, known, pipeline, accepted)

    def _strange(self, counts: Counts, batch: str) -> Problem:
        way = f"`perennial retry {self.workspace.name} {batch[:12]}`"
        count = count_text(counts.rows, "label", "labels")
        message = (
            f"None of {count} is for a row that is known: {counts.strangers}. Mend "
            f"the keys; if their rows are still to come, {way} once they are there."
        )
        return Problem("unknown keys", ", ".join(self.workspace.pipeline.key), message)

    def _report(self, batch: str, version: int, counts: Counts) -> None:
        document = {
            "pipeline": self.workspace.name,
            "batch": batch,
            "version": version,
            "counts": plain(counts),
            "sentence": counts.sentence,
        }
        key = self.workspace.layout.report("labels", f"{batch}.json")
        with external_write("label.report"):
            put_document(self.workspace.bucket, "labels report", key, document)


def open_labels(workspace: Workspace) -> LabelsLanding:
    """Return the landing of files of labels.

    Raises:
        ConfigurationError: the pipeline has no key, or its suite is missing.
        DataError: no batch was ingested yet.
    """
    pipeline = workspace.pipeline
    check_key(pipeline)
    columns = read_columns(workspace.curated)
    if columns is None:
        remedy = f"Ingest a batch first: `perennial ingest {pipeline.name} FILE`."
        rule = "labels follow rows"
        raise DataError(f"pipeline {pipeline.name}", rule, "no curated table", remedy)
    suite, schema = find_suite(pipeline.suite), label_schema(columns, pipeline)
    entrance = Entrance("labels", workspace.layout)
    table = labels_table(workspace.bucket, workspace.name)
    return LabelsLanding(workspace, suite, schema, entrance, table)
