"""A pipeline in a folder whose batches land without being validated: for what comes after."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.arrays import Floats
from tasks.config import window_length
from tasks.data.curated import append_batch
from tasks.ledger.entry import Entry
from tasks.monitoring.past import observations
from tasks.monitoring.record import RecordedDecision, load_errors
from tasks.promotion.manifest import Lineage
from tasks.promotion.versions import manifest_of
from tasks.training.finish import Ended
from tasks.training.pinning import pin_run
from tasks.training.plan import TrainingPlan
from tests import life
from tests.kept import put_kept


@dataclass
class House:
    """What a pipeline's loop does, called by hand; `changes` are of its file."""

    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = life.toy_workspace(self.folder, **self.changes)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.workspace.ledger.entries()

    def arrive(self, name: str, rows: pd.DataFrame) -> str:
        """Take in a batch, and return its id."""
        path = self.folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), path)
        batch = hashlib.sha256(path.read_bytes()).hexdigest()
        said = {"object": f"toy/incoming/{name}", "rows": str(len(rows))}
        append_batch(self.workspace.curated, path, batch, datetime.now(UTC), said)
        return batch

    def refuse(self, name: str) -> None:
        """Record that a batch went into quarantine."""
        said = {"batch": name, "object": name, "reasons": []}
        at = datetime.now(UTC)
        entry = Entry(f"quarantine-{name}", at, "toy", "quarantine", None, "ingest", "bad", said)
        self.workspace.ledger.append(entry)

    def monitor(self) -> list[RecordedDecision]:
        """Decide on every batch that is new."""
        return life.monitor(self.workspace)

    def plan(self, *, with_suspicious: bool = False) -> TrainingPlan:
        """Pin a training to what is there now."""
        length = window_length(self.workspace.pipeline)
        return pin_run(self.workspace, length, ("tuned",), with_suspicious=with_suspicious)

    def train(self, decision: str | None = None) -> Ended:
        """Train a challenger, and put it in service when it passes."""
        return life.train(self.workspace, decision=decision, told=False)

    def lineage(self, version: int) -> Lineage:
        return manifest_of(self.workspace, version).lineage

    def errors(self) -> list[Floats]:
        """Return what the detectors will be given of each batch that the newest champion saw."""
        seen = observations(self.entries)
        version = seen[-1].version
        batches = [observation.batch for observation in seen if observation.version == version]
        return [load_errors(self.workspace, batch, version) for batch in batches]

    def live_a_while(self, first: pd.DataFrame) -> None:
        """Take in the first batch, decide on it, and train the first champion."""

        def live(folder: Path) -> None:
            house = House(folder)
            house.workspace = replace(house.workspace, pipeline=self.workspace.pipeline)
            house.arrive("first.csv", first)
            (decided,) = house.monitor()
            assert house.train(decided.id).outcome == "promoted"

        file = self.workspace.pipeline.model_dump_json()
        put_kept(f"first.csv {file} {first.to_csv()}", live, self.folder)
