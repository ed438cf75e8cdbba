"""What ingestion leaves beside the rows: reports, Data Docs, quarantine; and where it lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.data.table import Table
from tasks.faults import external_write
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.validation.docs import index_page, page_name, validation_page
from tasks.validation.page import render_report
from tasks.validation.report import Report
from tasks.workspace import Workspace

Say = Callable[[str], None]
HTML = "text/html; charset=utf-8"
JSON = "application/json"
REPORT = "report.json"


@dataclass(frozen=True)
class Landing:
    """What an ingestion works with, and where it tells how far it is."""

    workspace: Workspace
    say: Say

    @property
    def bucket(self) -> Bucket:
        return self.workspace.bucket

    @property
    def pipeline(self) -> Pipeline:
        return self.workspace.pipeline

    @property
    def layout(self) -> Layout:
        return self.workspace.layout

    @property
    def table(self) -> Table:
        return self.workspace.curated

    def report_key(self, batch: str) -> str:
        return self.layout.report("validation", f"{batch}.html")

    def quarantine_report(self, batch: str) -> str:
        return self.layout.quarantine(batch) + REPORT


def publish(landing: Landing, report: Report, suite: Suite) -> None:
    """Write the report and the Data Docs; they say the same however often they are written."""
    docs = landing.layout.data_docs
    page = validation_page(report, suite)
    with external_write("ingest.docs"):
        name = page_name(report.batch, accepted=report.accepted)
        landing.bucket.put(docs + name, page.encode(), content_type=HTML)
        landing.bucket.delete(docs + page_name(report.batch, accepted=not report.accepted))
        index = index_page(report.pipeline, landing.bucket.list(f"{docs}validations/"))
        landing.bucket.put(f"{docs}index.html", index.encode(), content_type=HTML)
    forms = {
        "json": (as_json(report.to_dict()), JSON),
        "md": (report.to_markdown().encode(), "text/markdown; charset=utf-8"),
        "html": (render_report(report).encode(), HTML),
    }
    with external_write("ingest.report"):
        for ending, (data, type_) in forms.items():
            key = landing.layout.report("validation", f"{report.batch}.{ending}")
            landing.bucket.put(key, data, content_type=type_)


def leave_quarantine(landing: Landing, batch: str) -> None:
    """Remove what lies in quarantine of a batch that the table holds."""
    for info in list(landing.bucket.list(landing.layout.quarantine(batch))):
        landing.bucket.delete(info.key)


def as_json(document: dict[str, Any]) -> bytes:
    """Return the document as UTF-8 JSON; NaN is refused."""
    return json.dumps(document, indent=1, allow_nan=False).encode()
