"""The life of release 0.1.0 as plain calls on a folder; `write.py` runs it in that release's tree.

The release knew no local bucket: its objects go into its store in memory, which is written down at
the end, and its tables are opened by their path. All that encodes anything is the release's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import tasks.data.table
from tasks.config import Pipeline, find_pipeline, window_length
from tasks.data.table import Table
from tasks.settings import REPOSITORY, Settings


class Life:
    """The toy pipeline, from its first batch on."""

    def __init__(self, folder: Path, key: str, sections: dict[str, Any]) -> None:
        tasks.data.table.table_at = lambda _, path: Table(str(folder / path))
        from tasks.store.memory import MemoryStore

        from tasks.ledger.ledger import ledger_of
        from tasks.promotion.promote import Context

        self.folder, self.store = folder, MemoryStore()
        self.settings = Settings(
            "http://127.0.0.1:9", "", "", key, mlflow_uri="", home=folder.parent / "home"
        )
        declared = find_pipeline("toy", REPOSITORY / "tests" / "pipelines")
        content = declared.model_dump(mode="json")
        for name, changes in sections.items():
            content[name] = {**content[name], **changes}
        self.pipeline = Pipeline.model_validate(content)
        ledger = ledger_of(self.settings, "toy")
        self.context = Context(store=self.store, ledger=ledger, signing_key=key, pipeline="toy")

    def ingest(self, name: str, rows: pd.DataFrame) -> None:
        from tasks.validation.ingest import ingest_object, tell_ledger

        key = f"toy/incoming/{name}"
        self.store.put(key, rows.to_csv(index=False).encode())
        landed = ingest_object(self.settings, self.store, self.pipeline, key, lambda _: None)
        if landed.version is None:
            tell_ledger(self.settings, self.store, self.pipeline, landed, key)

    def label(self, name: str, rows: pd.DataFrame) -> None:
        from tasks.labels.land import land_labels

        key = f"toy/labels/incoming/{name}"
        self.store.put(key, rows.to_csv(index=False).encode())
        land_labels(self.settings, self.store, self.pipeline, key, lambda _: None)

    def stumble(self, name: str, rows: pd.DataFrame) -> None:
        """What failed by itself left nothing, and was tried for ever."""

    def train(self, run: str, decision: str | None = None) -> str:
        from tasks.training.candidates import Candidate, choose

        from tasks.promotion.gate import judge
        from tasks.training import finish, steps
        from tasks.training.insight import insight, report
        from tasks.training.pinning import pinned
        from tasks.training.work import Work

        finish._context = lambda *_: self.context  # its mirror asks MLflow
        pipeline = self.pipeline
        length, asked = window_length(pipeline), tuple(pipeline.retraining.challengers)
        work = Work(
            self.settings, self.store, pipeline, pinned(self.settings, pipeline, length, asked)
        )
        tuning, _ = steps.tune(work, lambda _: None)
        candidates = []
        for challenger in work.challengers:
            contender = steps.fit(work, tuning, challenger)[0]
            judged = steps.evaluate_holdout(work, contender, challenger)[0]
            verdict = judge(steps.evidence(contender, judged), pipeline.gate)
            candidates.append(Candidate(challenger, contender, judged, verdict))
        chosen = choose(tuning, candidates)
        final = steps.refit(work, chosen.best.challenger, chosen.best.contender.setting)[0]
        explained, _ = insight(work, chosen, final)
        version = finish.publish(work, chosen, final, "")
        report(work, version, explained)
        ended = finish.conclude(work, chosen, version, "test", decision)
        said = {"outcome": ended.outcome, "version": version, "summary": ended.summary}
        self.leave(run, {"pipeline": "toy", **said, "price": ended.price})
        return str(ended.outcome)

    def monitor(self) -> list[str]:
        from tasks.monitoring.watch import Watch

        from tasks.monitoring.record import decide_on, pending

        watch = Watch.of(self.settings, self.store, self.pipeline)
        return [decide_on(watch, arrival, "test").id for arrival in pending(watch)]

    def rollback(self) -> None:
        from tasks.promotion.promote import rollback

        rollback(self.context, by="ada", why="to see")

    def try_beside(self, version: int) -> None:
        from tasks.promotion.trials import begin, withdraw

        bounds = {"max_error_rate": 0.05, "max_drop": 0.02}
        begin(self.context, version, 0.25, by="ada", why="to see", override=True, **bounds)
        withdraw(self.store, self.context.ledger, "toy", by="ada", why="seen")

    def score(self, run: str) -> None:
        from tasks.scoring.score import score

        self.leave(run, score(self.settings, self.store, self.pipeline, "toy/incoming/a.csv"))

    def pin_scoring(self) -> None:
        """Begin a scoring; its pin is gone once it is done."""
        from tasks.promotion import pointer
        from tasks.scoring.run import Pin, pinned
        from tasks.store.layout import Layout

        champion = pointer.read(self.store, "toy")[0]
        pin = Pin(champion.version, champion.digest, 1, 1_000)
        pinned(self.store, Layout("toy"), "a-run", lambda: pin)

    def backtest(self) -> None:
        from tasks.backtest.pinning import pinned
        from tasks.backtest.report import write_report
        from tasks.backtest.result import backtested
        from tasks.backtest.table import filled

        policies = ["static", "every 1 batches"]
        plan = pinned(self.settings, self.store, self.pipeline, policies, None, 0.3)
        made = filled(self.settings, self.store, plan, lambda _: None)
        found = backtested(made.history, plan.policies, plan.limits, plan.delay, plan.own)
        write_report(self.store, plan, made, found)

    def answer(self, home: Path) -> None:
        from tasks.predictions.spool import Spool

        spool = Spool(home, "w0")
        row = {"id": 7, "at": "2024-01-08T00:00:00", "size": 0.25, "colour": "red"}
        spool.add("toy", 1, "champion", 1.4e9, ["seven"], [row], [1], [[0.25, 0.75]])
        spool.close()

    def ship(self, home: Path) -> None:
        from tasks.predictions.frames import unframed
        from tasks.predictions.rows import rows_of

        from tasks.predictions.record import decoded
        from tasks.predictions.table import predictions_table

        for path in home.glob("toy/*.ready"):
            for payload in unframed(path.read_bytes()).payloads:
                rows = rows_of(decoded(payload).records, self.pipeline)
                predictions_table(self.settings, "toy").append(rows, "log-1", {})

    def families(self, prepared: pd.DataFrame, y: np.ndarray) -> dict[str, dict[str, bytes]]:
        from tasks.explanation.kept import kept_to_explain

        from tasks.features.schema import Columns
        from tasks.models.families import FAMILIES
        from tasks.models.model import Model
        from tasks.models.warm_start import kept

        made = {}
        for name, family in FAMILIES.items():
            params = {**family.defaults, **SMALL.get(name, {})}
            columns = Columns(("size",), ("colour",))
            model = Model(family.estimator, params, columns, "binary", seed=1, trees=family.trees)
            model.fit(prepared, y)
            made[name] = {**kept(model, name), **kept_to_explain(model)}
        return made

    def leave(self, run: str, outcome: dict[str, Any]) -> None:
        from tasks.store.outcome import leave

        leave(self.store, run, outcome)

    def end(self) -> None:
        """Write the objects beside the tables."""
        for info in self.store.list(""):
            path = self.folder / info.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.store.get(info.key))


SMALL = {
    "lightgbm": {"n_estimators": 3, "num_leaves": 4},
    "random_forest": {"n_estimators": 3, "max_depth": 3},
    "extra_trees": {"n_estimators": 3, "max_depth": 3},
}
