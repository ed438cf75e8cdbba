"""`perennial clear` on a bucket in a folder: what it records, what it refuses, how it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployments.cli.main import main
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import Ledger, ledger_of
from tasks.ledger.suspicion import held_back
from tasks.settings import SIGNING
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket

BATCH = "ab12" + "0" * 60
ODD = {
    "batch": BATCH,
    "object": "flights/incoming/april.csv",
    "suspicions": ["All 50 labelled rows are of one class (yes)."],
}

KEY = Keyring("the key of this test")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("PERENNIAL_BUCKET", f"file://{tmp_path / 'bucket'}")
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    monkeypatch.setenv(SIGNING, KEY.current)
    made = ledger_of(LocalBucket(tmp_path / "bucket"), "flights", KEY)
    figures = {"observation": ODD, "decision": {"retrain": False}, "batch": BATCH}
    now = datetime.now(UTC)
    made.append(Entry("decision-1", now, "flights", "decision", 1, "monitor", "No.", figures))
    return made


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    return int(exit_.value.code or 0)


def test_a_person_clears_a_batch_and_the_ledger_says_why(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["clear", "flights", "april.csv", "--why", "a strike", "--json"]
    assert ended(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["figures"]["batch"]) == ("clearance", BATCH)
    (entry,) = ledger.entries("clearance")
    assert entry.summary.endswith("a strike")
    assert held_back(ledger.entries()) == ()
    assert ended(words) == 3, "it is not held back any more"


def test_what_is_not_held_back_is_refused(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["clear", "flights", "may.csv"]) == 3
    assert "Held back: ab12" in capsys.readouterr().err
    assert ledger.entries("clearance") == ()
