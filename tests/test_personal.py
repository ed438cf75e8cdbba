"""What is personal is excluded by `new`, and stands in nothing that a life leaves but its rows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deployments.cli.main import main
from deployments.serving.application import Application
from deployments.serving.explaining import Explaining
from deployments.serving.logs import JsonFormatter
from deployments.serving.metrics import Metrics
from deployments.serving.predicting import Predicting
from deployments.serving.shadowing import Shadowing
from tasks.config import Pipeline, find_pipeline
from tasks.ingestion.labels import open_labels
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.rows import open_rows
from tasks.predictions.judging import judge_answers
from tasks.predictions.spool import Spool
from tasks.predictions.table import predictions_table
from tasks.promotion import pointer
from tasks.promotion.versions import manifest_of
from tasks.scoring.score import score_source
from tasks.serving.fleet import Fleet
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.workspace import Workspace
from tests import life
from tests.canaries import (
    LEAK,
    NAMED,
    PERSONAL,
    people,
    search,
    search_bucket,
    search_database,
    search_folder,
)
from tests.canary_batches import BAD_BATCHES, BAD_LABELS, bad_requests, requests
from tests.project import make_project
from tests.served import put_on_trial
from tests.tasks.predictions.shipping import ship_once

NAME = "customers"
NEW = ("--target", "spend", "--key", "customer", "--set", f"data.personal+=[{', '.join(NAMED)}]")
QUICKLY = {
    "training.trials": "0",
    "training.families": "[linear, lightgbm]",
    "gate.min_rows": "50",
    "monitoring.labels": "delayed",
    "retraining.policy": "every 1 batch",
}


@dataclass
class Life:
    """A life of the pipeline in a folder, and all that was said meanwhile."""

    root: Path
    settings: Settings
    said: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @property
    def pipeline(self) -> Pipeline:
        return find_pipeline(NAME, self.settings.pipelines)

    @property
    def workspace(self) -> Workspace:
        key, home = self.settings.keyring, self.settings.home
        bucket = open_bucket(self.settings)
        return Workspace(bucket, NAME, key, pipeline=self.pipeline, home=home)

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    def land(self, name: str, content: bytes, kind: str = "rows") -> Landed:
        """Bring a file in, and keep what was said of it."""
        workspace, lines = self.workspace, [""]
        layout = workspace.layout
        key = f"{layout.incoming if kind == 'rows' else layout.labels_incoming}{name}"
        workspace.bucket.put(key, content)
        opened = open_rows(workspace) if kind == "rows" else open_labels(workspace)
        landed = land(opened, key, lines.append)
        told = "" if landed.report is None else landed.report.told
        self.said[name] = "\n".join([*lines, *landed.reasons, told, repr(landed)])
        self.outcomes[name] = landed.outcome
        return landed


def csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """From a file with personal columns to a served, monitored, explained model."""
    root = tmp_path_factory.mktemp("people").resolve()
    variables = {**make_project(root), "PERENNIAL_HOME": str(root / "home")}
    logs, handler = (root / "log.jsonl").open("w"), logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.setStream(logs)
    with pytest.MonkeyPatch.context() as patch:
        for name, text in variables.items():
            patch.setenv(name, text)
        root_logger = logging.getLogger()
        level = root_logger.level
        root_logger.addHandler(handler)
        root_logger.setLevel(logging.DEBUG)
        life_of_people = Life(root, Settings.from_environment())
        try:
            live(life_of_people)
            yield life_of_people
        finally:
            root_logger.removeHandler(handler)
            root_logger.setLevel(level)
            logs.close()


def live(whose: Life) -> None:
    first, second = people(400), people(200, start=400)
    (whose.root / "people.csv").write_bytes(csv(first))
    settings = [word for key, text in QUICKLY.items() for word in ("--set", f"{key}={text}")]
    command(whose, "new", "--data", str(whose.root / "people.csv"), *NEW, *settings)
    command(whose, "new", "--data", str(whose.root / "people.csv"), *NEW, *settings,
            "--set", f"features.exclude+={LEAK}", "--force", "--json")  # fmt: skip
    whose.land("first.csv", csv(first))
    ended = life.train(whose.workspace)
    assert ended.outcome == "promoted", ended.summary
    life.monitor(whose.workspace)
    for name, content in BAD_BATCHES.items():
        whose.land(name, content)
    whose.land("second.csv", csv(second.drop(columns="spend").assign(spend="")))
    for name, content in BAD_LABELS.items():
        whose.land(name, content, "labels")
    whose.land("labels.csv", csv(second[["customer", "spend"]]), "labels")
    whose.said["monitor"] = repr([decided.decision for decided in life.monitor(whose.workspace)])
    whose.said["again"] = repr(life.train(whose.workspace))
    answer(whose)
    whose.said["judged"] = repr(judge_answers(whose.workspace))
    scored = "customers/scoring/0123456789ab/people.csv"
    whose.workspace.bucket.put(scored, csv(second))
    whose.said["score"] = repr(score_source(whose.workspace, scored))
    for words in (
        ("explain", str(whose.root / "people.csv")),
        ("explain", str(whose.root / "people.csv"), "--method", "lime", "--json"),
        ("models", "--json"),
        ("history", "--json"),
        ("schema", "--json"),
        ("report", "--json"),
    ):
        command(whose, *words)


def command(whose: Life, name: str, *words: str) -> None:
    """Run a command as a person does, and keep what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        out, err = (whose.root / f"{len(whose.said)}.{end}" for end in ("out", "err"))
        with out.open("w") as printed, err.open("w") as told:
            patch.setattr("sys.stdout", printed)
            patch.setattr("sys.stderr", told)
            with pytest.raises(SystemExit) as ended:
                main([name, NAME, *words])
    said = out.read_text() + err.read_text()
    assert not ended.value.code, said
    whose.said[f"{len(whose.said)} {name}"] = said


def answer(whose: Life) -> None:
    """Ask the prediction API, in service and beside the model, with rows that hold everything."""
    place = whose.workspace
    found = pointer.read(place)
    assert found is not None
    # beside the champion the other one answers, unseen
    put_on_trial(place.bucket, place.keyring, manifest_of(place, 3 - found[0].version), 0.0)
    fleet = Fleet(place.bucket, whose.settings.keyring)
    fleet.look(0)
    spool = Spool(whose.spool)
    shadow = Shadowing(spool.add)
    predicting = Predicting(fleet, spool.add, shadow.offer)
    explaining = Explaining(lambda _: True, first_seconds=60)
    application = Application(predicting, Metrics(), explaining=explaining, access=True)
    asked = {**requests(NAME), **bad_requests(NAME)}
    for name, (path, body) in asked.items():
        whose.answers[name] = ask(application, "POST", path, body)
    for path in ("/v1", f"/v1/{NAME}", "/openapi.json", f"/v2/models/{NAME}"):
        whose.answers[path] = ask(application, "GET", path)
    shadow.close()
    explaining.close()
    spool.close()
    whose.said["spool"] = "\n".join(search_database(whose.spool / "_backlog" / "answers.sqlite3"))
    ship_once(whose.settings, whose.spool)


def ask(application: Application, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_new_excludes_what_is_personal_and_names_the_leak(lived: Life) -> None:
    assert set(PERSONAL) <= set(lived.pipeline.data.personal)
    first = lived.said["0 new"]
    assert f"leak?     {LEAK}: spend follows from it exactly" in first
    assert f"--set features.exclude+={LEAK}" in first
    for column, why in {"email": "mail addresses", "iban": "bank accounts", "pin": "asked"}.items():
        (line,) = [
            line for line in first.splitlines() if line.startswith("personal") and column in line
        ]
        assert why in line


def test_the_life_went_through_all_it_should(lived: Life) -> None:
    """What was never made could hold nothing."""
    assert lived.outcomes["first.csv"] == lived.outcomes["second.csv"] == "accepted"
    assert lived.outcomes["labels.csv"] == "accepted"
    assert {lived.outcomes[name] for name in (*BAD_BATCHES, *BAD_LABELS)} == {"quarantined"}
    good, bad = requests(NAME), bad_requests(NAME)
    assert {lived.answers[name][0] for name in good} == {200}, lived.answers
    assert all(400 <= lived.answers[name][0] < 500 for name in bad), lived.answers
    table = predictions_table(lived.workspace.bucket, NAME).read(["role", "features"])
    roles = Counter(table["role"].to_pylist())
    asked = sum(body.count(b'"customer"') for _, body in good.values())
    assert roles == {"champion": asked, "shadow": asked}
    kinds = {entry.kind for entry in lived.workspace.ledger.entries()}
    assert kinds >= {"verdict", "promotion", "decision", "scored"}


def test_the_search_finds_the_rows_where_they_may_lie(lived: Life) -> None:
    _, inside = search_bucket(lived.workspace.bucket)
    places = {found.split("/")[1] for found in inside}
    assert places == {"incoming", "curated", "quarantine", "labels", "scoring"}
    held = {found.partition("#")[2].partition(":")[0] for found in inside if "#" in found}
    assert held >= set(PERSONAL), "each column of the curated table"


def test_nothing_personal_lies_in_the_bucket_beside_the_rows(lived: Life) -> None:
    outside, _ = search_bucket(lived.workspace.bucket)
    assert not outside


def test_nothing_personal_was_said(lived: Life) -> None:
    said = {name: [*search(text.encode(), name)] for name, text in lived.said.items()}
    assert not [found for places in said.values() for found in places]


def test_nothing_personal_lies_in_the_project_the_home_and_the_log(lived: Life) -> None:
    assert (lived.root / "log.jsonl").stat().st_size > 0
    assert not search_folder(lived.root, ["bucket", "people.csv"])


def test_other_callers_of_the_api_learn_nothing_personal(lived: Life) -> None:
    """What a caller sent may come back to it in a refusal, and to nobody else."""
    others = {
        name: body for name, (_, body) in lived.answers.items() if name not in bad_requests(NAME)
    }
    assert not [found for name, body in others.items() for found in search(body, name)]
    example = json.loads(lived.answers[f"/v1/{NAME}"][1])["example"]
    assert set(example) == {"plan", "visits", "discount"}
