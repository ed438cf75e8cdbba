"""The collecting flow on real servers: killed midway, it goes on, and each row is in once."""

from __future__ import annotations

import pytest

from tests.flows.conftest import TOY, Bench
from tests.tasks.collection.api import serving, toy_rows

pytestmark = pytest.mark.system
COLLECT, INGEST = "flows.collecting:collect", "flows.ingestion:ingest"
SOURCE = """
source:
  collect: {kind: http, url: URL/pages, rows: data.items, paging: {kind: page}, retries: 0}
"""


def test_what_is_collected_is_in_once_whoever_dies(bench: Bench) -> None:
    with serving() as api:
        bench.rewrite(TOY.replace("key: [id]\n", "") + SOURCE.replace("URL", api.url))
        api.rows = toy_rows(45)
        bench.die(COLLECT, "collect.commit.before")
        api.rows = toy_rows(61)
        done = bench.run(COLLECT)
        assert (done["outcome"], done["rows"], done["cause"]) == ("collected", 16, "schedule")
        assert bench.run(COLLECT)["outcome"] == "nothing"
        assert {batch["outcome"] for batch in bench.run(INGEST)["batches"]} == {"accepted"}
        table = bench.workspace.curated
        assert sorted(table.read(["id"]).column("id").to_pylist()) == list(range(61))
