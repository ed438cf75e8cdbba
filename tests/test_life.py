"""A pipeline's whole life in one process on a folder: the decisions need no server."""

from __future__ import annotations

from pathlib import Path

from tasks.explanation.file import explain_file
from tasks.promotion import pointer
from tasks.promotion.promote import rollback
from tasks.scoring.score import score_source
from tests import life


def test_a_whole_life_needs_no_server(tmp_path: Path) -> None:
    # The world stays as it is: the gate passes whom chance makes a little worse.
    workspace = life.toy_workspace(
        tmp_path,
        retraining={"policy": "new_rows 50%", "cooldown": "0s"},
        gate={"min_gain": -0.1, "max_slice_loss": 0.2},
    )
    first = life.ingest(workspace, "a.csv", life.toy_rows(600))
    assert (first.outcome, first.rows) == ("accepted", 600)
    assert life.train(workspace).outcome == "promoted"

    life.ingest(workspace, "b.csv", life.toy_rows(900, start=600))
    *_, decided = life.monitor(workspace)
    assert decided.decision.retrain, decided.decision.reason
    ended = life.train(workspace, "monitor", decided.id)
    assert ended.outcome == "promoted", ended.summary

    broken = life.toy_rows(50, start=1_500).assign(high=7)
    assert life.ingest(workspace, "c.csv", broken).outcome == "quarantined"

    outcome = score_source(workspace, "curated")
    assert (outcome["rows"], outcome["labelled"]) == (1_500, 1_500)
    assert outcome["version"] == 2

    path = tmp_path / "new.csv"
    life.toy_rows(3, start=2_000).drop(columns="high").to_csv(path, index=False)
    explained = explain_file(workspace, path, 2)
    assert len(explained.explanations) == 2

    assert rollback(workspace, by="ada", why="to see").outcome == "promoted"
    champion, _ = pointer.read(workspace) or (None, None)
    assert champion is not None
    assert (champion.version, champion.replaced) == (1, 2)
    kinds = {entry.kind for entry in workspace.ledger.entries()}
    assert kinds >= {"verdict", "promotion", "decision", "scored", "rollback"}
