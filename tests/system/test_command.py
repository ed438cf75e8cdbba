"""The command as a person uses it, on a whole stack."""

from __future__ import annotations

import json
import math
import shutil
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tasks.data.curated import curated
from tasks.data.table import table_in
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.store.connect import open_bucket
from tests import commands
from tests.commands import Said
from tests.flows.conftest import toy_rows
from tests.servers import poll
from tests.system.conftest import Stack
from tests.system.prefect import enable, pause

pytestmark = pytest.mark.system
RACE = ("promote", "toy", "2", "--override", "for the race, whatever the gate said", "--why")
COMMAND = str(Path(sys.executable).with_name("perennial"))


def perennial(stack: Stack, *words: str, more: Mapping[str, str] | None = None) -> Said:
    return commands.perennial({**stack.environment, **(more or {})}, *words)


def started(stack: Stack, *words: str, more: Mapping[str, str] | None = None) -> Popen[str]:
    """Start a command as a shell does: by its script, with every import still to come."""
    environment = {**stack.environment, **(more or {})}
    return Popen([COMMAND, *words], env=environment, stdout=PIPE, stderr=PIPE, text=True)


@pytest.fixture(scope="module")
def trained(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two versions of the pipeline toy; the first is in service."""
    folder = tmp_path_factory.mktemp("toy")
    applying = started(stack, "apply", "--json")
    out, err = applying.communicate(timeout=240)
    assert applying.returncode == 0, err
    assert "unchanged" in json.loads(out)
    # these tests start each step themselves
    assert enable(stack, "perennial: ", on=False) >= 4
    pause(stack, "reconcile/all", paused=True)
    for number, start in enumerate((0, 800), start=1):
        path = folder / f"{number}.csv"
        toy_rows(800, start=start).to_csv(path, index=False)
        landed = perennial(stack, "ingest", "toy", str(path), "--json")
        assert landed.status == 0, landed.err
        assert landed.document["batches"][0]["outcome"] == "accepted"
        done = perennial(stack, "train", "toy", "--json")
        assert done.document["version"] == number, done.err
    perennial(stack, "promote", "toy", "1", "--why", "to start from the first")
    yield stack
    pause(stack, "reconcile/all", paused=False)
    enable(stack, "perennial: ", on=True)


def test_applying_twice_changes_nothing_the_second_time(trained: Stack) -> None:
    again = perennial(trained, "apply", "--json")
    assert again.status == 0
    plan = again.document
    assert (plan["create"], plan["update"], plan["remove"]) == ([], [], [])
    own = [f"{flow}/{name}" for flow in ("monitor", "train") for name in ("loop", "quiet", "toy")]
    shared = [
        f"{flow}/all" for flow in ("backtest", "ingest", "label", "maintain", "reconcile", "score")
    ]
    # others of this run may have deployed theirs on the same stack
    assert {*own, *shared} <= {*plan["unchanged"]}
    assert "perennial: ingest" in plan["automations"]["unchanged"]


def test_a_bad_file_is_quarantined_with_exit_3_and_the_same_again_is_known(
    trained: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    toy_rows(20).assign(high=7).to_csv(path, index=False)
    refused = perennial(trained, "ingest", "toy", str(path), "--json")
    assert refused.status == 3
    (batch,) = refused.document["batches"]
    assert batch["stands"] == "quarantined"
    assert "high" in " ".join(batch["reasons"])
    again = perennial(trained, "ingest", "toy", str(path))
    assert again.status == 3
    assert "already quarantined" in again.out


def test_a_page_opens_by_its_printed_address(trained: Stack, tmp_path: Path) -> None:
    link = perennial(trained, "report", "toy", "card").out.strip()
    with urllib.request.urlopen(link) as page:
        assert "Model card: toy, version 2" in page.read().decode()
    saved = perennial(trained, "report", "toy", "validation", "--save", str(tmp_path), "--json")
    assert Path(saved.document["saved"]).read_text().startswith("<!doctype html>")
    document = perennial(trained, "report", "toy", "--json").document
    assert {page["kind"] for page in document["pages"]} == {"validation", "card", "explanation"}


def test_a_refused_file_is_judged_anew_where_a_person_asks(trained: Stack, tmp_path: Path) -> None:
    """What is still wrong stays out: it is judged anew, not merely found in quarantine."""
    path = tmp_path / "wrong.csv"
    toy_rows(30, start=90_000).assign(high=7).to_csv(path, index=False)
    assert perennial(trained, "ingest", "toy", str(path)).status == 3
    again = perennial(trained, "retry", "toy", "wrong.csv", "--json")
    assert again.status == 3, again.err
    (batch,) = again.document["batches"]
    assert batch["outcome"] == "quarantined", "judged anew, not merely found there"
    nothing = perennial(trained, "retry", "toy", "never.csv")
    assert nothing.status == 3
    assert "0 batches in quarantine are named never.csv" in nothing.err


def test_the_doctor_and_the_status_look_at_one_pipeline(trained: Stack) -> None:
    said = perennial(trained, "doctor", "toy", "--json").document
    states = {link["name"]: link["state"] for link in said["links"]}
    assert (states["deployments"], states["serving"], states["champion"]) == ("ok", "ok", "ok"), (
        said
    )
    pipelines = perennial(trained, "status", "--json").document["pipelines"]
    (toy,) = [told for told in pipelines if told["pipeline"] == "toy"]
    assert toy["champion"] == 1
    assert perennial(trained, "apply", "toy", "--json").document["create"] == []


def test_an_ended_pipeline_has_no_deployments_and_serves_no_more_without_its_data(
    trained: Stack, tmp_path: Path
) -> None:
    quiet = Path(trained.environment["PERENNIAL_PIPELINES"]) / "quiet.yaml"
    folder = tmp_path / "pipelines"
    shutil.copytree(quiet.parent, folder)
    more = {"PERENNIAL_PIPELINES": str(folder)}
    ended = perennial(trained, "delete", "quiet", "--data", "--yes", "--json", more=more)
    assert ended.status == 0, ended.err
    assert ended.document["deployments"] == ["monitor/quiet", "train/quiet"]
    assert not (folder / "quiet.yaml").exists()
    back = perennial(trained, "apply", "quiet", "--json")
    assert {"monitor/quiet", "train/quiet"} == {spec["name"] for spec in back.document["create"]}
    assert "perennial: ingest" in back.document["automations"]["update"]


def test_models_shows_the_champion_first_with_intervals_and_baselines(trained: Stack) -> None:
    said = perennial(trained, "models", "toy", "--json")
    champion, other = said.document["versions"]
    assert (champion["role"], champion["version"], other["version"]) == ("champion", 1, 2)
    figure = champion["metrics"]["roc_auc"]
    assert 0.5 < figure["low"] < figure["value"] < figure["high"] <= 1
    assert champion["baselines"]["prior"] == 0.5
    assert champion["data_version"] >= 1
    assert "champion" in perennial(trained, "models", "toy").out


def test_training_again_computes_nothing_and_a_refusal_stays_one(trained: Stack) -> None:
    said = perennial(trained, "train", "toy", "--json")
    assert said.status == (0 if said.document["passed"] else 3)
    assert said.document["outcome"] == "unchanged"
    assert "Nothing to compute" in said.document["summary"]


def test_scoring_a_local_file(trained: Stack, tmp_path: Path) -> None:
    import pandas as pd

    source, output = tmp_path / "new.csv", tmp_path / "new.parquet"
    rows = toy_rows(50, start=5000)
    rows.to_csv(source, index=False)
    said = perennial(trained, "score", "toy", str(source), str(output), "--json")
    assert said.status == 0, said.err
    assert said.document["rows"] == len(pd.read_parquet(output)) == 50


def test_scoring_the_curated_table_into_a_table(trained: Stack) -> None:
    target = f"s3://{trained.settings.bucket}/toy/scores"
    for _ in range(2):
        said = perennial(trained, "score", "toy", "curated", target, "--json")
        assert said.status == 0, said.err
        assert (said.document["rows"], said.document["format"]) == (1600, "delta")
        assert "100% scored: 1,600 of 1,600 rows" in said.err
    rows = table_in(open_bucket(trained.settings), "toy/scores").read(["_row"])
    assert sorted(rows["_row"].to_pylist()) == list(range(1600))
    missing = perennial(trained, "score", "toy", "nothing.csv", target)
    assert missing.status == 2
    assert "nothing.csv" in missing.err


def test_explaining_rows_of_a_local_file(trained: Stack, tmp_path: Path) -> None:
    source = tmp_path / "new.csv"
    rows = toy_rows(50, start=6000)
    rows.drop(columns="high").to_csv(source, index=False)
    said = perennial(trained, "explain", "toy", str(source), "--rows", "2", "--json")
    assert said.status == 0, said.err
    assert (said.document["version"], said.document["method"]) == (1, "linear_shap")
    assert [one["key"] for one in said.document["rows"]] == [{"id": "6000"}, {"id": "6001"}]
    for one in said.document["rows"]:
        found = one["explanation"]
        score = found["base"] + sum(part["value"] for part in found["contributions"])
        assert 1 / (1 + math.exp(-score)) == pytest.approx(found["prediction"], abs=1e-4)
        assert found["reasons"][0].startswith("size is ")
    text = perennial(trained, "explain", "toy", str(source), "--rows", "1", "--method", "lime")
    assert text.status == 0, text.err
    assert "Row 1  id 6000" in text.out
    assert "the linear model fits with R²" in text.out
    rows.drop(columns="size").to_csv(source, index=False)
    lacking = perennial(trained, "explain", "toy", str(source))
    assert lacking.status == 1
    assert "no size" in lacking.err


def test_of_two_racing_promotes_one_wins_and_the_other_is_told(
    trained: Stack, tmp_path: Path
) -> None:
    marker = tmp_path / "waits"
    held = {"PERENNIAL_WAIT_AT": f"promote.pointer.before:{marker}"}
    slow = started(trained, *RACE, "the slow one", "--json", more=held)
    poll(marker.exists, 60, "the slow one to reach its write")
    fast = perennial(trained, *RACE, "the fast one", "--json")
    marker.unlink()
    out, _ = slow.communicate(timeout=60)
    assert (fast.status, slow.returncode) == (0, 3)
    assert fast.document["outcome"] == "promoted"
    assert json.loads(out)["outcome"] == "lost"
    assert "put in service meanwhile" in json.loads(out)["message"]
    entries = perennial(trained, "history", "toy", "--json").document["entries"]
    assert [entry["kind"] for entry in entries[-2:]] == ["promotion", "lost"]
    back = perennial(trained, "rollback", "toy", "--json")
    assert (back.status, back.document["champion"]["version"]) == (0, 1)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["train", "tooy"], 2, "Did you mean toy"),
        (["train", "../toy"], 2, "inner hyphens"),
        (["promote", "toy", "../x"], 2, "whole number"),
        (["promote", "toy", "99"], 2, "Known: 1, 2"),
        (["score", "toy", "nowhere.csv", "out.parquet"], 2, "no file of this name is here"),
        (["tran", "toy"], 2, "No such command 'tran'. Did you mean train?"),
        (["dance"], 2, "No such command"),
    ],
)
def test_wrong_use_is_one_clear_message(
    trained: Stack, words: list[str], status: int, said: str
) -> None:
    answer = perennial(trained, *words)
    assert answer.status == status
    assert said in answer.err
    assert answer.out == ""


def test_an_error_is_a_document_too(trained: Stack) -> None:
    answer = perennial(trained, "models", "tooy", "--json")
    assert answer.status == 2
    assert answer.document["where"] == "pipeline tooy"
    assert answer.document["remedy"].startswith("Did you mean toy?")


def test_a_store_that_is_down_or_a_wrong_key_is_said_in_bounded_time(trained: Stack) -> None:
    down = perennial(trained, "models", "toy", more={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert down.status == 1
    assert "127.0.0.1:9" in down.err
    wrong = perennial(trained, "models", "toy", more={"AWS_SECRET_ACCESS_KEY": "wrong" * 8})
    assert wrong.status == 1
    assert "credentials" in wrong.err or "denied" in wrong.err.lower()


def test_a_run_that_fails_tells_its_reason_once(trained: Stack, tmp_path: Path) -> None:
    source = tmp_path / "lacking.csv"
    toy_rows(5).drop(columns="size").to_csv(source, index=False)
    answer = perennial(trained, "score", "toy", str(source), str(tmp_path / "out.parquet"))
    assert answer.status == 1
    assert "no size" in answer.err
    assert not (tmp_path / "out.parquet").exists()


def test_a_challenger_that_waits_is_shown_until_a_person_decides(trained: Stack) -> None:
    assert perennial(trained, "status", "--json").document["awaiting_approval"] == []
    ledger_of(open_bucket(trained.settings), "toy", trained.settings.keyring).append(
        Entry(
            id="verdict-waits",
            at=datetime.now(UTC),
            pipeline="toy",
            kind="verdict",
            version=2,
            by="train (test)",
            summary="version 2 passed the gate and awaits approval",
            figures={"next": "awaiting approval"},
        )
    )
    shown = perennial(trained, "status", "--json").document
    assert shown["awaiting_approval"] == [{"pipeline": "toy", "version": 2}]
    assert "`perennial reject toy 2`" in perennial(trained, "status").out
    refused = perennial(trained, "reject", "toy", "1")
    assert (refused.status, "does not" in refused.err) == (3, True)
    assert perennial(trained, "reject", "toy", "2", "--why", "not today").status == 0
    assert perennial(trained, "status", "--json").document["awaiting_approval"] == []


def test_a_version_is_tried_beside_the_champion_by_command(trained: Stack) -> None:
    assert perennial(trained, "withdraw", "toy").status == 3
    assert perennial(trained, "canary", "toy", "2", "--share", "a tenth").status == 2
    champion = perennial(trained, "models", "toy", "--json").document["champion"]["version"]
    other = {1: "2", 2: "1"}[champion]
    begun = perennial(trained, "canary", "toy", other, "--share", "25%", "--override")
    assert begun.status == 0, begun.err
    assert f"version {other} is tried beside the champion: canary for 25% of the keys" in begun.out
    (shown,) = perennial(trained, "status", "--json").document["trials"]
    assert (shown["version"], shown["share"]) == (int(other), 0.25)
    assert f"`perennial promote toy {other}`" in perennial(trained, "status").out
    versions = perennial(trained, "models", "toy", "--json").document["versions"]
    assert {one["version"]: one["role"] for one in versions}[int(other)] == "canary"
    assert perennial(trained, "shadow", "toy", other, "--json").document["mode"] == "shadow"
    ended = perennial(trained, "withdraw", "toy", "--why", "seen enough")
    assert ended.out.strip() == f"toy version {other} is tried no more."
    assert perennial(trained, "status", "--json").document["trials"] == []
    assert "seen enough" in perennial(trained, "history", "toy").out


def test_a_batch_is_taken_out_again(trained: Stack, tmp_path: Path) -> None:
    path = tmp_path / "slip.csv"
    toy_rows(40, start=95_000).to_csv(path, index=False)
    assert perennial(trained, "ingest", "toy", str(path)).status == 0
    rows = curated(open_bucket(trained.settings), "toy")
    before = len(rows.read(["id"]))
    done = perennial(trained, "remove", "toy", "slip.csv", "--why", "a slip", "--json")
    assert done.status == 0, done.err
    assert done.document["kind"] == "removal"
    assert len(rows.read(["id"])) == before - 40
    again = perennial(trained, "ingest", "toy", str(path))
    assert again.status == 3
    assert "A person took it out" in again.out


def test_a_change_of_the_schema_is_accepted_by_command(trained: Stack, tmp_path: Path) -> None:
    path = tmp_path / "windy.csv"
    toy_rows(30, start=95_000).assign(wind=0.5).to_csv(path, index=False)
    held = perennial(trained, "ingest", "toy", str(path), "--json")
    assert held.status == 3, held.err
    assert "perennial schema toy --accept" in " ".join(held.document["batches"][0]["reasons"])
    assert "windy.csv waits:" in perennial(trained, "schema", "toy").out
    done = perennial(trained, "schema", "toy", "--accept", "windy.csv", "--json")
    assert done.status == 0, done.err
    (batch,) = done.document["batches"]
    assert (batch["outcome"], batch["rows"]) == ("accepted", 30)
    contract = perennial(trained, "schema", "toy", "--json").document
    assert (contract["columns"]["wind"], contract["waiting"]) == ("number", [])
    assert perennial(trained, "remove", "toy", "windy.csv").status == 0
