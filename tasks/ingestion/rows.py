"""Rows: judged by the suite and against the keys that are curated, into the curated table."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from expectations.suite import Suite
from tasks.data.columns import FileRows
from tasks.data.curated import append_batch
from tasks.data.standing import CORRECTS
from tasks.data.table import Table
from tasks.dataset.arrival import say_slips
from tasks.faults import external_write
from tasks.ingestion.agreement import OPEN_COLUMNS, find_agreed
from tasks.ingestion.entrance import Entrance, put_document
from tasks.ingestion.landing import Downloaded, Landed, Say
from tasks.validation.batch import Examination, Examiner
from tasks.validation.docs import index_page, page_name, validation_page
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace

HTML, MARKDOWN = "text/html; charset=utf-8", "text/markdown; charset=utf-8"


@dataclass(frozen=True)
class RowsLanding:
    """Lands batches of rows in the curated table."""

    workspace: Workspace
    suite: Suite
    entrance: Entrance
    table: Table

    def judge(
        self, arrived: Downloaded, version: int | None, before: Examination | None, say: Say
    ) -> Examination:
        agreed = find_agreed(self.workspace, version)
        pipeline, columns = self.workspace.pipeline, agreed.columns
        examiner = Examiner(pipeline, self.suite, agreed, arrived.folder, say)
        if before is None or before.contract != columns or before.typed is None:
            return self._noted(
                examiner.examine(arrived.path, arrived.info.key, arrived.batch), arrived
            )
        # The rows are the same as before, and so is what the suite says of them: only which of
        # their keys are curated has changed with the version.
        retyped = before.report.cleaning.retyped
        return examiner.clean(before.typed, before.report, retyped, before.open)

    def _noted(self, found: Examination, arrived: Downloaded) -> Examination:
        time = self.workspace.pipeline.event_time
        if found.typed is None or time is None:
            return found
        note = say_slips(pl.scan_parquet(found.typed), time, arrived.info.modified)
        if note is None:
            return found
        if time in self.workspace.pipeline.data.personal:
            note = "Rows are dated after the file came; their dates are personal."
        return replace(found, report=replace(found.report, notes=(note,)))

    def publish(self, judged: Examination) -> None:
        """Write the report and the Data Docs; they say the same however often they are written."""
        bucket, layout, report = self.workspace.bucket, self.workspace.layout, judged.report
        docs = layout.data_docs
        page = validation_page(report, self.suite)
        with external_write("ingest.docs"):
            name = page_name(report.batch, accepted=report.accepted)
            bucket.put(docs + name, page.encode(), content_type=HTML)
            # Judged again after a lost race, a batch may be accepted that was refused before.
            bucket.delete(docs + page_name(report.batch, accepted=not report.accepted))
            index = index_page(report.pipeline, bucket.list(f"{docs}validations/"))
            bucket.put(f"{docs}index.html", index.encode(), content_type=HTML)
        key = layout.report("validation", report.batch)
        with external_write("ingest.report"):
            put_document(bucket, "validation report", f"{key}.json", report.to_dict())
            bucket.put(f"{key}.md", report.to_markdown().encode(), content_type=MARKDOWN)
            bucket.put(f"{key}.html", report.to_html().encode(), content_type=HTML)

    def append(self, arrived: Downloaded, judged: Examination, after: int) -> Landed | None:
        rows, report, batch = judged.rows, judged.report, arrived.batch
        assert rows is not None
        metadata = {"object": arrived.info.key, "rows": str(report.kept)}
        if report.cleaning.corrections:
            metadata[CORRECTS] = str(report.cleaning.corrections)
        if judged.open:
            metadata[OPEN_COLUMNS] = json.dumps(judged.open)
        appended = append_batch(
            self.table,
            FileRows(rows, leave_out=frozenset(judged.open)),
            batch,
            datetime.now(UTC),
            metadata,
            after=after,
        )
        if not appended.landed:
            return None
        return Landed("accepted", batch, appended.version, (), report.kept, report)

    def recall(self, batch: str, version: int) -> Landed:
        return Landed("already", batch, version)

    def restate(
        self, arrived: Downloaded, judged: Examination | None, landed: Landed, say: Say
    ) -> None:
        # The commit that landed was judged at the version right before its own.
        if judged is not None and landed.version is not None:
            self.publish(self.judge(arrived, landed.version - 1, judged, say))


def open_rows(workspace: Workspace) -> RowsLanding:
    """Return the landing of batches of rows.

    Raises:
        ConfigurationError: the pipeline's suite is missing.
    """
    entrance = Entrance("rows", workspace.layout)
    return RowsLanding(workspace, find_suite(workspace.pipeline.suite), entrance, workspace.curated)
