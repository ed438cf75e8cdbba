"""The life of this release as plain calls on a folder, for `write.py`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.backtest.pinning import plan_backtest
from tasks.backtest.report import write_backtest
from tasks.backtest.result import compare_policies
from tasks.backtest.table import fit_history
from tasks.collection.collect import collect
from tasks.collection.open import open_collector
from tasks.config import check_pipeline
from tasks.config.sections import Features, TargetHistory
from tasks.features.schema import Columns
from tasks.ingestion.entrance import Entrance, put_document
from tasks.ingestion.labels import open_labels
from tasks.ingestion.land import land
from tasks.ingestion.quarantine import tell_ledger
from tasks.ingestion.remembering import keep_history
from tasks.ingestion.rows import open_rows
from tasks.ingestion.trouble import try_landing
from tasks.models.families import FAMILIES
from tasks.models.keeping import keep
from tasks.models.model import Model
from tasks.predictions.backlog import Backlog
from tasks.predictions.record import Record, decoded
from tasks.predictions.spool import Spool
from tasks.predictions.table import predictions_table, rows_of
from tasks.promotion import pointer
from tasks.promotion.promote import rollback
from tasks.promotion.trials import begin, withdraw
from tasks.promotion.versions import published
from tasks.reconciliation.attempts import Attempts, keep_attempts
from tasks.records import plain
from tasks.scoring.run import Pin, pin_scoring
from tasks.scoring.score import score_source
from tasks.store.costs import keeping_cost
from tasks.store.lease import Holding
from tasks.store.outcome import leave
from tests import life
from tests.tasks.collection.api import serving, toy_rows
from tests.tasks.ingestion.stumbling import stumbling

SMALL = {
    "lightgbm": {"n_estimators": 3, "num_leaves": 4},
    "random_forest": {"n_estimators": 3, "max_depth": 3},
    "extra_trees": {"n_estimators": 3, "max_depth": 3},
}


class Life:
    """The toy pipeline, from its first batch on; the twin of `life_0_1_0`."""

    def __init__(self, folder: Path, key: str, sections: dict[str, Any]) -> None:
        assert key == life.toy_workspace(folder.parent).keyring.current
        self.workspace = life.toy_workspace(folder.parent, **sections)

    def ingest(self, name: str, rows: pd.DataFrame) -> None:
        landed = life.ingest(self.workspace, name, rows)
        if landed.version is None:
            tell_ledger(self.workspace, landed, f"{self.workspace.layout.incoming}{name}")

    def label(self, name: str, rows: pd.DataFrame) -> None:
        key = f"{self.workspace.layout.labels_incoming}{name}"
        self.workspace.bucket.put(key, rows.to_csv(index=False).encode())
        land(open_labels(self.workspace), key, lambda _: None)

    def stumble(self, name: str, rows: pd.DataFrame) -> None:
        """Try a file that fails by an error of ours."""
        key = f"{self.workspace.layout.incoming}{name}"
        self.workspace.bucket.put(key, rows.to_csv(index=False).encode())
        try_landing(stumbling(open_rows(self.workspace)), key, lambda _: None)
        tried = Attempts("label", "t.csv", "c", 3, "", "the run ended CRASHED")
        keep_attempts(self.workspace, tried)
        info = self.workspace.bucket.head(key)
        assert info is not None
        said = plain(Holding("a-run", datetime(2026, 1, 1, tzinfo=UTC)))
        where = Entrance("rows", self.workspace.layout).reading(info)
        put_document(self.workspace.bucket, "reading", where, dict(said))
        features = Features(history=TargetHistory())
        asking = self.workspace.pipeline.model_copy(update={"features": features})
        keep_history(replace(self.workspace, pipeline=asking))

    def train(self, run: str, decision: str | None = None) -> str:
        ended = life.train(self.workspace, "test", decision)
        version = published(self.workspace)[-1]
        said = {"outcome": ended.outcome, "version": version, "summary": ended.summary}
        leave(self.workspace.bucket, run, {"pipeline": "toy", **said, "price": ended.price})
        return ended.outcome

    def monitor(self) -> list[str]:
        return [decided.id for decided in life.monitor(self.workspace)]

    def rollback(self) -> None:
        rollback(self.workspace, by="ada", why="to see")

    def try_beside(self, version: int) -> None:
        bounds = {"max_error_rate": 0.05, "max_drop": 0.02}
        begin(self.workspace, version, 0.25, by="ada", why="to see", override=True, **bounds)
        withdraw(self.workspace, by="ada", why="seen")

    def score(self, run: str) -> None:
        bucket = self.workspace.bucket
        with keeping_cost(bucket, self.workspace.layout, "score"):
            scored = score_source(self.workspace, "toy/incoming/a.csv")
        leave(bucket, run, scored)

    def pin_scoring(self) -> None:
        champion, _ = pointer.read(self.workspace) or (None, "")
        assert champion is not None
        pin = Pin(champion.version, champion.digest, 1, 1_000)
        pin_scoring(self.workspace.bucket, self.workspace.layout, "a-run", lambda: pin)

    def backtest(self) -> None:
        plan = plan_backtest(self.workspace, ["static", "every 1 batches"], None, 0.3)
        made = fit_history(self.workspace, plan, lambda _: None)
        found = compare_policies(made.history, plan.policies, plan.limits, plan.delay, plan.own)
        write_backtest(self.workspace.bucket, plan, made, found)

    def answer(self, home: Path) -> None:
        spool = Spool(home)
        row = {"id": 7, "at": "2024-01-08T00:00:00", "size": 0.25, "colour": "red"}
        spool.add("toy", Record(1, "champion", 1.4e9, ["seven"], [row], [1], [[0.25, 0.75]]))
        spool.close()

    def ship(self, home: Path) -> None:
        """Ship what one shipper would, without its settings."""
        with closing(Backlog(home)) as backlog:
            for parcel in backlog.parcels(2**20, backlog.newest()):
                for payload in parcel.open().payloads:
                    rows = rows_of(decoded(payload).records, self.workspace.pipeline)
                    predictions_table(self.workspace.bucket, "toy").append(rows, "log-1", {})

    def families(self, prepared: pd.DataFrame, y: np.ndarray) -> dict[str, dict[str, bytes]]:
        made = {}
        for name, family in FAMILIES.items():
            params = {**family.defaults, **SMALL.get(name, {})}
            columns = Columns(("size",), ("colour",))
            model = Model(
                name, family.estimator, params, columns, "binary", seed=1, trees=family.trees
            )
            made[name] = dict(keep(model.fit(prepared, y)))
        return made

    def end(self) -> None:
        """Collect four rows from an API; the bucket is the folder."""
        with serving() as api:
            api.rows = toy_rows(4)
            content = self.workspace.pipeline.model_dump(mode="json")
            content["source"] = {"collect": {"kind": "http", "url": f"{api.url}/all"}}
            workspace = replace(self.workspace, pipeline=check_pipeline(content, "toy"))
            collect(workspace, open_collector(workspace, lambda _: None), lambda _: None)
