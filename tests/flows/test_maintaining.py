"""The maintaining flow on real servers: its outcome is left, and the tables are whole."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tasks.predictions.table import predictions_table
from tests.flows.conftest import Bench
from tests.flows.running import completed

pytestmark = pytest.mark.system


def test_many_files_are_made_few_and_the_run_says_so(bench: Bench) -> None:
    table = predictions_table(bench.workspace.bucket, bench.name)
    for number in range(9):
        table.append(pa.table({"id": [f"{number}"]}), f"{number}", {})
    outcome = completed("flows.maintaining:maintain", bench.environment, bench.folder)
    assert outcome["failed"] == []
    (told,) = outcome["pipelines"]
    assert told["places"][0]["why"] == "0 files unneeded; 9 files are read as 1"
    assert (len(table.files()), table.read().num_rows) == (1, 9)
    assert table.read(version=4).num_rows == 4
