"""What ingestion leaves beside the rows: the report of a batch, and the Data Docs."""

from __future__ import annotations

import json

from expectations.suite import Suite
from tasks.documents import seal
from tasks.faults import external_write
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.validation.docs import index_page, page_name, validation_page
from tasks.validation.page import render_report
from tasks.validation.report import Report

HTML = "text/html; charset=utf-8"


def publish_report(bucket: Bucket, layout: Layout, report: Report, suite: Suite) -> None:
    """Write the report and the Data Docs; they say the same however often they are written."""
    docs = layout.data_docs
    page = validation_page(report, suite)
    with external_write("ingest.docs"):
        name = page_name(report.batch, accepted=report.accepted)
        bucket.put(docs + name, page.encode(), content_type=HTML)
        bucket.delete(docs + page_name(report.batch, accepted=not report.accepted))
        index = index_page(report.pipeline, bucket.list(f"{docs}validations/"))
        bucket.put(f"{docs}index.html", index.encode(), content_type=HTML)
    told = json.dumps(seal("validation report", report.to_dict()), indent=1, allow_nan=False)
    forms = {
        "json": (told.encode(), "application/json"),
        "md": (report.to_markdown().encode(), "text/markdown; charset=utf-8"),
        "html": (render_report(report).encode(), HTML),
    }
    with external_write("ingest.report"):
        for ending, (data, type_) in forms.items():
            key = layout.report("validation", f"{report.batch}.{ending}")
            bucket.put(key, data, content_type=type_)
