"""Commands on a bucket in a folder: flows run in the command's process and ask no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployments.cli.main import main
from tasks.settings import REPOSITORY
from tests.life import toy_rows


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> tuple[str, list[str]]:
    """Run a command; return what it printed, and what it said meanwhile."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert ended.value.code == status, said.err
    return said.out, said.err.splitlines()


def test_a_pipeline_lives_in_a_folder_and_only_it_speaks(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = (REPOSITORY / "tests" / "pipelines" / "toy.yaml").read_text()
    (home / "pipelines" / "toy.yaml").write_text(file)
    rows = home / "rows.csv"
    toy_rows(400).to_csv(rows, index=False)
    out, said = told(capsys, "ingest", "toy", str(rows))
    assert "accepted" in out
    assert said[-1].startswith("accepted: batch ")
    out, said = told(capsys, "train", "toy")
    assert out.startswith("toy version 1 is in service (promotion)")
    assert "toy version 1 is in service (promotion)" in said
    out, monitored = told(capsys, "monitor", "toy")
    assert "Version 1 on 400 rows, 400 of them labelled" in monitored
    # Prefect's lines begin with the time, and its server's with a word of its own
    assert not [line for line in (*said, *monitored) if "prefect" in line.lower() or "|" in line]
    out, said = told(capsys, "score", "toy", str(rows), str(home / "out.csv"))
    # the progress, and what came of it
    assert len([line for line in (*said, *out.splitlines()) if "scored" in line]) == 2
    out, _ = told(capsys, "prune", "toy", "--dry-run")
    assert "curated" in out and out.splitlines()[-1] == "Nothing was changed."
    out, _ = told(capsys, "prune", "--json")
    places = json.loads(out)["pipelines"][0]["places"]
    assert [place["place"] for place in places][:2] == ["curated", "ledger"]
    told(capsys, "prune", "tooy", status=2)
    # in its process as in a run: what a person can mend is refused in one sentence
    out, said = told(capsys, "score", "toy", "missing.csv", "out.csv", status=2)
    assert "missing.csv" in said[-1]
