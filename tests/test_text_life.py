"""Free text and identifiers, from a file to answers over HTTP, in one process on a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from deployments.serving.application import Application
from deployments.serving.describing import describe
from deployments.serving.metrics import Metrics
from deployments.serving.routes import Finder, Found
from tasks.promotion import pointer
from tasks.promotion.versions import load
from tasks.serving.fleet import Fleet
from tests import life
from tests.served import ask, unlogged

COMPLAINTS = ("rude waiter", "cold soup", "wrong bill")
PRAISE = ("lovely terrace", "warm bread", "kind staff")


def visits(count: int, start: int = 0) -> pd.DataFrame:
    """Make remarks whose words decide, with one in ten turned round; a receipt number each."""
    draw = np.random.default_rng([9, start])
    good = draw.random(count) < 0.5
    notes = [
        f"{draw.choice(PRAISE if happy else COMPLAINTS)} at table {draw.integers(1, 60)}, "
        f"{draw.choice(['we', 'they', 'all'])} came on {draw.choice(['foot', 'bikes'])}"
        f" {'and stayed' * int(draw.integers(0, 2))}"
        for happy in good
    ]
    return pd.DataFrame(
        {
            "id": np.arange(start, start + count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=start),
            "receipt": [f"R{start + i:06d}" for i in range(count)],
            "remark": notes,
            "high": (good ^ (draw.random(count) < 0.1)).astype(int),
        }
    )


def test_words_are_learned_and_what_is_ignored_is_told(tmp_path: Path) -> None:
    workspace = life.toy_workspace(
        tmp_path,
        data={"suite": "tests.suites.open_columns"},
        training={"families": ["linear", "lightgbm"]},
        gate={"slices": []},
    )
    assert life.ingest(workspace, "a.csv", visits(1200)).outcome == "accepted"
    ended = life.train(workspace)
    assert ended.outcome == "promoted", ended.summary
    found = pointer.read(workspace)
    assert found is not None
    version = load(workspace, found[0].version, found[0].digest)
    assert {feature.name: feature.kind for feature in version.schema.features}["remark"] == "text"
    assert "as an identifier has" in version.schema.left_out["receipt"]
    # one in ten is turned round: the best there is reaches 0.9
    assert version.manifest.metrics["roc_auc"]["value"] > 0.86

    fleet = Fleet(workspace.bucket, workspace.keyring)
    fleet.look(0)
    application = Application(unlogged(fleet), Metrics())
    texts = {"rude waiter again": 0, "Lovely terrace & kind staff!": 1, "?": None}
    rows = [{"at": "2024-06-01T12:00:00", "remark": text, "receipt": "R1"} for text in texts]
    body = json.loads(ask(application, "/v1/toy/predict", {"rows": rows})[0].body)
    for told, expected in zip(body["predictions"], texts.values(), strict=True):
        assert expected in (None, told["value"])
    assert body["ignored"] == ["receipt"]
    found_model = Finder().find("GET", "/v1/toy")
    assert isinstance(found_model, Found)
    described = json.loads(describe(fleet, found_model).body)
    assert "as an identifier has" in described["ignored"]["receipt"]
    assert {"name": "remark", "kind": "text", "missing": False} in described["fields"]
    _, headers = ask(application, "/toy/invocations", {"dataframe_records": rows})
    assert (b"x-ignored-fields", b"receipt") in headers

    later = visits(400, 1200)
    assert np.allclose(
        version.predict_many(later, compared=True), version.predict(later), atol=1e-6
    )
    life.ingest(workspace, "b.csv", later)
    *_, decided = life.monitor(workspace)
    assert decided.seen is not None
    drift = decided.seen.observation.drift
    assert drift is not None
    columns = {column.name: column for column in drift.columns}
    assert columns["remark"].kind == "number"
    assert not drift.drifted

    # each word another one of a new vocabulary, and each text as long as before
    turned = later.assign(
        at=later["at"] + pd.Timedelta(days=90),
        id=later["id"] + 400,
        remark=[re.sub(r"[a-z]+", lambda word: word[0][::-1] + "ish", t) for t in later["remark"]],
    )
    life.ingest(workspace, "c.csv", turned)
    *_, decided = life.monitor(workspace)
    assert decided.seen is not None
    drift = decided.seen.observation.drift
    assert drift is not None
    assert drift.drifted
    (found,) = [column for column in drift.columns if column.name == "remark"]
    assert "of its words were never seen before" in found.why
    assert found.weight == columns["remark"].weight
