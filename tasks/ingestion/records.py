"""What ingestion leaves beside the rows: reports, Data Docs, quarantine; and where it lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.data.curated import curated
from tasks.data.table import Table
from tasks.faults import external_write
from tasks.settings import Settings
from tasks.store.base import Store
from tasks.store.layout import Layout
from tasks.validation.docs import index_page, page_name, validation_page
from tasks.validation.page import render_report
from tasks.validation.report import Report

Say = Callable[[str], None]
HTML = "text/html; charset=utf-8"
JSON = "application/json"
REPORT = "report.json"


@dataclass(frozen=True)
class Place:
    """Where an ingestion reads and writes."""

    settings: Settings
    store: Store
    pipeline: Pipeline
    say: Say

    @property
    def layout(self) -> Layout:
        return Layout(self.pipeline.name)

    @property
    def table(self) -> Table:
        return curated(self.settings, self.pipeline.name)

    def report_key(self, batch: str) -> str:
        return self.layout.report("validation", f"{batch}.html")

    def quarantine_report(self, batch: str) -> str:
        return self.layout.quarantine(batch) + REPORT


def publish(place: Place, report: Report, suite: Suite) -> None:
    """Write the report and the Data Docs; they say the same however often they are written."""
    docs = place.layout.data_docs
    page = validation_page(report, suite)
    with external_write("ingest.docs"):
        name = page_name(report.batch, accepted=report.accepted)
        place.store.put(docs + name, page.encode(), content_type=HTML)
        place.store.delete(docs + page_name(report.batch, accepted=not report.accepted))
        index = index_page(report.pipeline, place.store.list(f"{docs}validations/"))
        place.store.put(f"{docs}index.html", index.encode(), content_type=HTML)
    forms = {
        "json": (as_json(report.to_dict()), JSON),
        "md": (report.to_markdown().encode(), "text/markdown; charset=utf-8"),
        "html": (render_report(report).encode(), HTML),
    }
    with external_write("ingest.report"):
        for ending, (data, type_) in forms.items():
            key = place.layout.report("validation", f"{report.batch}.{ending}")
            place.store.put(key, data, content_type=type_)


def leave_quarantine(place: Place, batch: str) -> None:
    """Remove what lies in quarantine of a batch that the table holds."""
    for info in list(place.store.list(place.layout.quarantine(batch))):
        place.store.delete(info.key)


def as_json(document: dict[str, Any]) -> bytes:
    """Return the document as UTF-8 JSON; NaN is refused."""
    return json.dumps(document, indent=1, allow_nan=False).encode()
