"""What `perennial status` tells of objects that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.cli.main import main
from deployments.cli.runs import landing_status
from deployments.cli.stack import tell_trouble
from deployments.cli.standings import look_at_pipelines, open_places
from tasks.ingestion.rows import open_rows
from tasks.ingestion.trouble import try_landing
from tasks.settings import REPOSITORY, Settings
from tasks.workspace import open_workspace
from tests.tasks.ingestion.landing import drop
from tests.tasks.ingestion.stumbling import stumbling


def test_files_that_fail_are_told_by_pipeline_and_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(REPOSITORY / "tests" / "pipelines"))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", "a signing key")
    workspace = open_workspace(Settings.from_environment(), "toy")
    assert not any(look.in_trouble for look in look_at_pipelines(open_places()))
    once, thrice = (drop(workspace, name, name) for name in ("once.csv", "thrice.csv"))
    for key in (once, thrice, thrice, thrice):
        try_landing(stumbling(open_rows(workspace)), key, lambda _: None)
    (told,) = (told for look in look_at_pipelines(open_places()) for told in look.in_trouble)
    counts = {"waiting": 1, "set_aside": 1, "blocked": 0, "reason": ""}
    assert told == {"pipeline": "toy", "kind": "rows", **counts}
    assert tell_trouble(told) == (
        "toy: of the files of rows, 1 could not be read and lie in quarantine, "
        "1 failed and will be tried again."
    )


def test_an_object_that_waits_is_a_failure_whatever_else_there_was() -> None:
    stands = [{"stands": word} for word in ("accepted", "quarantined", "waiting")]
    assert [landing_status(stands[:count]) for count in range(4)] == [0, 0, 3, 1]


def test_a_folder_without_a_pipeline_says_how_to_make_one_and_needs_no_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
    monkeypatch.setenv("PERENNIAL_PROJECT", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "perennial.toml").write_text("")
    (tmp_path / "pipelines").mkdir()
    for command, said in (
        ("status", "No pipeline yet. Make one: "),
        ("apply", "Nothing to apply: "),
    ):
        with pytest.raises(SystemExit) as ended:
            main([command])
        assert not ended.value.code
        assert capsys.readouterr().out.startswith(said)
