"""Rows: judged by the suite and against the keys that are curated, into the curated table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from expectations.suite import Suite
from tasks.data.curated import append_batch, read_columns
from tasks.data.table import Table
from tasks.ingestion.entrance import Entrance
from tasks.ingestion.known import known_keys
from tasks.ingestion.landing import Downloaded, Landed, Say
from tasks.ingestion.publish import publish_report
from tasks.validation.batch import Examination, clean, examine
from tasks.validation.report import Report
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace


@dataclass(frozen=True)
class RowsJudged:
    """What was found in a batch, with the columns that the table had."""

    examination: Examination
    columns: pa.Schema | None

    @property
    def report(self) -> Report:
        """What was found; `report.accepted` says whether it may land."""
        return self.examination.report


@dataclass(frozen=True)
class RowsLanding:
    """Lands batches of rows in the curated table."""

    workspace: Workspace
    suite: Suite

    @property
    def entrance(self) -> Entrance:
        """Where batches arrive."""
        return Entrance("rows", self.workspace.layout)

    @property
    def table(self) -> Table:
        """The curated table."""
        return self.workspace.curated

    def judge(
        self, arrived: Downloaded, version: int | None, before: RowsJudged | None, say: Say
    ) -> RowsJudged:
        """Read and examine the batch; of one examined before, compare its keys again."""
        pipeline = self.workspace.pipeline
        columns = read_columns(self.table)
        keys = None if version is None else known_keys(self.table, version, pipeline.key)
        name, batch, folder = arrived.info.key, arrived.batch, arrived.folder
        if before is None or before.columns != columns or before.examination.typed is None:
            found = examine(
                arrived.path, name, batch, pipeline, self.suite, columns, keys, folder, say
            )
        else:
            retyped = before.report.cleaning.retyped
            typed = before.examination.typed
            found = clean(typed, before.report, pipeline, keys, folder, retyped)
        return RowsJudged(found, columns)

    def publish(self, judged: RowsJudged) -> None:
        """Write the report and the Data Docs."""
        place = self.workspace
        publish_report(place.bucket, place.layout, judged.report, self.suite)

    def append(self, arrived: Downloaded, judged: RowsJudged, after: int) -> Landed | None:
        """Add the rows that cleaning kept, each with its batch and the time."""
        rows, report, batch = judged.examination.rows, judged.report, arrived.batch
        assert rows is not None
        metadata = {"object": arrived.info.key, "rows": str(report.kept)}
        now = datetime.now(UTC)
        appended = append_batch(self.table, rows, batch, now, metadata, after=after)
        if not appended.landed:
            return None
        return Landed("accepted", batch, appended.version, (), report.kept, report)

    def recall(self, batch: str, version: int) -> Landed:
        """Return that the rows are there."""
        return Landed("already", batch, version)

    def restate(
        self, arrived: Downloaded, judged: RowsJudged | None, landed: Landed, say: Say
    ) -> None:
        """Write the report again as it was right before the commit that landed."""
        if judged is not None and landed.version is not None:
            self.publish(self.judge(arrived, landed.version - 1, judged, say))


def open_rows(workspace: Workspace) -> RowsLanding:
    """Return the landing of batches of rows.

    Raises:
        ConfigurationError: the pipeline's suite is missing.
    """
    return RowsLanding(workspace, find_suite(workspace.pipeline.suite))
