"""From an awkward table to an answer over HTTP, or to the sentence that says what to change."""

from __future__ import annotations

import operator
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.evaluation.metrics import METRICS
from tasks.ingestion.landing import Landed
from tasks.promotion import pointer
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.versions import load
from tasks.workspace import Workspace
from tests.servers import poll
from tests.tables.awkward import SCENES
from tests.tables.awkward.scene import Scene, write
from tests.tables.house import House, bring, why_not_served

# One split instead of ten: what decides whether a model serves is seen on it, too.
ONCE = ("--set", "training.evidence=holdout")
CASES = [
    pytest.param(scene, id=scene.name, marks=() if scene.often else pytest.mark.soak)
    for scene in SCENES
]


@pytest.mark.parametrize("scene", CASES)
def test_an_awkward_table_is_served_or_refused_word_for_word(
    inside: House, scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = write(scene, tmp_path)
    status = inside.drafts(scene.name, first, scene.target, *ONCE, *scene.words)
    said = capsys.readouterr()
    assert said.err == (f"perennial: {scene.refused.format(file=first)}\n" if scene.refused else "")
    assert bool(status) == bool(scene.refused)
    if scene.refused:
        return
    for line in scene.told:
        assert line in said.out
    workspace = inside.workspace(scene.name)
    declared = {name: operator.attrgetter(name)(workspace.pipeline) for name in scene.declared}
    assert declared == scene.declared
    landed = bring(workspace, first)
    assert told_of(landed) == scene.held.format(batch=landed.batch[:12])
    if scene.held:
        return
    assert landed.rows == scene.rows
    assert why_not_served(workspace) == scene.untrained
    if scene.untrained:
        return
    check_model(scene, in_service(workspace))
    poll(lambda: inside.answers(scene.name), 30, "an answer over HTTP", 0.2)
    for row, right in scene.asks:
        (answer,) = inside.predicts(scene.name, dict(row)).json()["predictions"]
        assert answer["value"] == right
    check_later(scene, workspace, others)


def told_of(landed: Landed) -> str:
    """Return every reason why a file is held; nothing for one that is in."""
    return "" if landed.outcome == "accepted" else " ".join(landed.reasons)


def in_service(workspace: Workspace) -> ModelVersion:
    found = pointer.read(workspace)
    assert found is not None
    return load(workspace, found[0].version, found[0].digest)


def check_model(scene: Scene, version: ModelVersion) -> None:
    """Check which columns the model looks at, and how well it predicts."""
    looked_at = {feature.name for feature in version.schema.features}
    assert set(scene.uses) <= looked_at
    assert not set(scene.spares) & looked_at
    if scene.reaches is not None:
        metric, bound = scene.reaches
        value = version.manifest.metrics[metric]["value"]
        assert value >= bound if METRICS[metric].greater_is_better else value <= bound


def check_later(scene: Scene, workspace: Workspace, files: list[Path]) -> None:
    """Check what comes of each further file, and that a training goes on after it."""
    for path, later in zip(files, scene.later, strict=True):
        landed = bring(workspace, path)
        told = landed.report.told if landed.outcome == "accepted" and landed.report else ""
        told = told or " ".join(landed.reasons)
        assert (landed.outcome, told) == (later.outcome, later.says.format(batch=landed.batch[:12]))
    if any(later.outcome == "accepted" for later in scene.later):
        why = why_not_served(workspace)
        assert not why or "was refused by the gate" in why


def test_personal_values_stand_nowhere_but_in_the_rows(
    inside: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No report, page, artifact, log or prediction log holds one, nor does any command say it."""
    (scene,) = [scene for scene in SCENES if scene.name == "personal"]
    (data,) = write(replace(scene, name="people"), tmp_path)
    assert inside.drafts("people", data, scene.target) == 0
    workspace = inside.workspace("people")
    assert bring(workspace, data).outcome == "accepted"
    assert why_not_served(workspace) == ""
    poll(lambda: inside.answers("people"), 30, "an answer over HTTP", 0.2)
    sent = {"x": 1.0, "contact": "person7@mail.example", "reached": "+49 30 900007"}
    answer = inside.predicts("people", sent)
    assert answer.json()["ignored"] == ["contact", "reached"]
    assert inside.predicts("people", {**sent, "x": "person7@mail.example"}).status_code == 422
    said = capsys.readouterr()
    told = [said.out.encode(), said.err.encode(), inside.asks("people").content]
    # of every pipeline: another scene brings the same rows into the same house
    rows = {workspace.layout.incoming.strip("/").removeprefix("people/"), "curated"}
    root = inside.project.parent
    files = [path for path in root.rglob("*") if path.is_file()]
    others = [path for path in files if rows.isdisjoint(path.relative_to(root).parts)]
    told += [path.read_bytes() for path in others]
    assert len(told) > 20
    # with the area code: six digits alone stand in a digest or a figure now and then
    personal = re.compile(rb"person7@|30\D?900007")
    said_by = [text[:200] for text in told if personal.search(text)]
    assert not said_by
