"""What waits in a pipeline, read from its bucket; and one that is broken among others."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.errors import PerennialError
from tasks.reconciliation.alias import settle_alias
from tasks.reconciliation.task import attempt
from tasks.reconciliation.waiting import find_waiting
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import ROWS, curate, drop, label_file, landed, local_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return local_workspace(tmp_path, visits("visits"))


def waiting(workspace: Workspace) -> dict[str, int]:
    return {flow: len(things) for flow, things in find_waiting(workspace).items() if things}


def test_each_thing_waits_for_its_flow(workspace: Workspace, tmp_path: Path) -> None:
    assert waiting(workspace) == {}
    key = drop(workspace, "a.csv", label_file(("v1", 1, 1)), "labels")
    assert waiting(workspace) == {}, "labels wait for rows first"
    drop(workspace, "a.csv", b"visit,day,at,stays\nv1,1,2024-01-01,\n")
    assert waiting(workspace) == {"ingest": 1}
    landed(workspace, f"{workspace.layout.incoming}a.csv")
    assert waiting(workspace) == {"label": 1, "monitor": 1}
    landed(workspace, key, "labels")
    assert waiting(workspace) == {"monitor": 2}
    assert settle_alias(workspace) is None, "nothing is tracked"


def test_what_is_broken_is_told_and_the_next_is_looked_at(
    workspace: Workspace, tmp_path: Path
) -> None:
    broken = local_workspace(tmp_path, visits("broken"))
    assert isinstance(broken.bucket, LocalBucket)
    log = broken.bucket.folder / "broken" / "ledger" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("{")
    curate(workspace, tmp_path, ROWS, "b1")
    failed: list[dict[str, str]] = []
    with disable_run_logger():
        seen = [attempt(place.name, failed, find_waiting, place) for place in (broken, workspace)]
    assert seen[0] is None
    assert seen[1] is not None
    assert len(seen[1]["monitor"]) == 1
    (told,) = failed
    assert (told["pipeline"], told["step"]) == ("broken", "find_waiting")
    assert "broken/ledger" in told["error"]
    with pytest.raises(PerennialError):
        find_waiting(broken)
