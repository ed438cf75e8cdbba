"""What waits in a pipeline, read from its bucket; and one that is broken among others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.errors import ConfigurationError, PerennialError
from tasks.ingestion.entrance import Entrance
from tasks.ingestion.labels import open_labels
from tasks.ingestion.trouble import Troubles, counting_blocks, find_troubles
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


def test_labels_that_only_a_person_can_mend_are_tried_three_times(
    workspace: Workspace, tmp_path: Path
) -> None:
    curate(workspace, tmp_path, ROWS, "b1")
    keyless = replace(workspace, pipeline=workspace.pipeline.model_copy(update={"key": ()}))
    key = drop(workspace, "a.csv", label_file(("v1", 1, 1)), "labels")
    entrance = Entrance("labels", workspace.layout)
    for tried in range(3):
        assert waiting(keyless)["label"] == 1, tried
        with (
            pytest.raises(ConfigurationError, match="labels are joined by the key"),
            counting_blocks(keyless, entrance, key),
        ):
            open_labels(keyless)
    assert "label" not in waiting(keyless), "no run each minute, for ever"
    troubles = find_troubles(keyless, entrance)
    assert (troubles.waiting, troubles.set_aside, troubles.blocked) == (0, 0, 1)
    assert troubles.reason.endswith("Name the columns that identify a row: key: [...].")
    # The person adds the key: the next minute takes the labels in by itself.
    assert waiting(workspace)["label"] == 1
    assert landed(workspace, key, "labels").outcome == "accepted"
    assert find_troubles(workspace, entrance) == Troubles(0, 0)


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
