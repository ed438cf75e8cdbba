"""An alias moved by hand goes the way of every promotion: past no gate, and no approval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.promotion import pointer
from tasks.promotion.promote import promote
from tasks.promotion.versions import publish
from tasks.reconciliation.alias import WHY, honour
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import local_workspace
from tests.tasks.promotion.scenes import building


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a pipeline with a champion, a version that passed, and one that the gate refused."""
    made = local_workspace(tmp_path, visits("visits"))
    for number, passed in enumerate((True, True, False), start=1):
        publish(made, f"key-{number}", building(made.name, f"key-{number}", passed=passed))
    promote(made, 1, by="train", why="it passed")
    return made


def moved(workspace: Workspace, version: int, when: str = "") -> tuple[bool, str]:
    found = pointer.read(workspace)
    champion = None if found is None else found[0]
    return honour(workspace, version, "owner, on MLflow's page", when, champion)


def serving(workspace: Workspace) -> int:
    found = pointer.read(workspace)
    assert found is not None
    return found[0].version


def test_a_version_that_passed_is_put_in_service_and_who_moved_the_alias_is_kept(
    workspace: Workspace,
) -> None:
    assert moved(workspace, 2)[0]
    champion, _ = pointer.read(workspace) or pytest.fail("no champion")
    told = (champion.version, champion.by, champion.why, champion.override)
    assert told == (2, "owner, on MLflow's page", WHY, "")


def test_one_that_the_gate_refused_is_not_whoever_moves_the_alias(workspace: Workspace) -> None:
    done, told = moved(workspace, 3)
    assert not done
    assert '`perennial promote visits 3 --override "WHY"`' in told
    assert serving(workspace) == 1


def test_where_a_person_has_to_approve_the_alias_is_no_approval(workspace: Workspace) -> None:
    gate = workspace.pipeline.gate.model_copy(update={"approval": "manual"})
    manual = replace(workspace, pipeline=workspace.pipeline.model_copy(update={"gate": gate}))
    for when in ("at noon", "at noon", "at one"):
        done, told = moved(manual, 2, when)
        assert not done
        assert told.endswith("Approve it by `perennial promote visits 2`.")
    assert serving(manual) == 1
    refused = [entry for entry in manual.ledger.entries() if entry.kind == "refused"]
    assert [entry.by for entry in refused] == ["owner, on MLflow's page"] * 2, "one a move"
    assert promote(manual, 2, by="ann", why="looked at it").outcome == "promoted"


def test_a_version_that_is_not_there_is_told(workspace: Workspace) -> None:
    done, told = moved(workspace, 9)
    assert (done, "cannot serve" in told) == (False, True)
    assert serving(workspace) == 1
