"""What a first model was let through with is told by the command and by the API, as is a way on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deployments.cli.main import main
from deployments.cli.stack import standings_table
from deployments.cli.standings import look_at_pipelines
from deployments.serving.describing import describe
from deployments.serving.routes import Finder, Found
from tasks.serving.fleet import Fleet
from tests.tasks.monitoring.house import House
from tests.tasks.training.small import house, penguins


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    return int(exit_.value.code or 0)


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> House:
    """Train a first model on 150 rows, and let the commands find it."""
    made = house(folder, gate={"first": first})
    made.arrive("a.csv", penguins(150))
    made.train()
    (folder / "pipelines").mkdir()
    file = made.workspace.pipeline.model_dump(mode="json")
    (folder / "pipelines" / "toy.yaml").write_text(yaml.safe_dump(file))
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(folder / "pipelines"))
    monkeypatch.setenv("PERENNIAL_BUCKET", f"file://{folder / 'bucket'}")
    monkeypatch.setenv("PERENNIAL_HOME", str(folder))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", made.workspace.keyring.current)
    return made


def test_warnings_are_told_wherever_the_model_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = trained(tmp_path, monkeypatch, "lenient")
    assert ended(["models", "toy"]) == 0
    told = capsys.readouterr().out
    assert "passed, 1 warning" in told
    assert "cross-validation, 5 folds, 2 times" in told
    assert "Version 1, warning: enough rows: too few rows were judged: 150 rows" in told
    assert ended(["models", "toy", "--json"]) == 0
    (version,) = json.loads(capsys.readouterr().out)["versions"]
    fleet = Fleet(made.workspace.bucket, made.workspace.keyring)
    fleet.look(0)
    found = Finder().find("GET", "/v1/toy")
    assert isinstance(found, Found)
    described = json.loads(describe(fleet, found).body)
    for said in (version, described):
        assert said["evidence"] == "cross-validation, 5 folds, 2 times"
        assert [warning.partition(":")[0] for warning in said["warnings"]] == ["enough rows"]
    stands = [look.stand for look in look_at_pipelines([made.workspace])]
    assert stands[0]["warnings"] == version["warnings"]
    assert f"toy, warning: {version['warnings'][0]}" in standings_table(stands)


def test_a_refused_promotion_names_the_key_and_the_flag_and_the_flag_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path, monkeypatch, "strict")
    assert ended(["promote", "toy", "1"]) == 3
    told = capsys.readouterr().out
    assert "gate.min_rows or gate.first: lenient in toy.yaml, then `perennial train toy`" in told
    assert '`perennial promote toy 1 --override "WHY"`' in told
    assert ended(["promote", "toy", "1", "--override", "few are enough"]) == 0
