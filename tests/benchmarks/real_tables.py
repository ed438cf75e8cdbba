"""The champions of the real tables against two peers, on the rows that the gate judged them on.

    python -m tests.benchmarks.real_tables [--trials 10] [--seconds 60] [NAME …]

Each table of `tests/tables` that ends with a served model is drafted by `perennial new`, landed and
trained as the product does it, with a small budget. Beside its champion, on the same rows and by
the same metric:

- scikit-learn's HistGradientBoosting with its defaults, on the same prepared columns, categories
  as such (the 254 commonest of a column, which is all it takes);
- the single family whose defaults did best on the folds of the tuning, untuned.

A gain is the champion's over the peer, paired over the resampled rows; positive is better. Printed
is what was seen; nothing is asserted, and a model that the gate refuses is left out of the count.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from deployments.cli.main import main as command
from tasks.arrays import Array, Floats, Integers
from tasks.config import Pipeline, find_pipeline
from tasks.dataset.dataset import Dataset
from tasks.dataset.evidence import describe_split
from tasks.dataset.split import Fold
from tasks.evaluation.bootstrap import Interval, paired_gain
from tasks.evaluation.metrics import METRICS
from tasks.features.prepare import prepared_columns
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.training.folds import fit_rows
from tasks.training.steps import judged_answers
from tasks.tuning.trial import Setting, Tuning
from tasks.workspace import Workspace
from tests.life import challenge
from tests.project import make_project
from tests.tables.house import bring
from tests.tables.real import SMALL, TABLES, RealTable

MOST_LEVELS = 254
PEERS = ("HistGradientBoosting", "best single family")
Fit = Callable[[Integers, Integers], Floats]


@dataclass(frozen=True)
class Row:
    """One table's line: the champion, its score, and its gain over each peer."""

    table: str
    metric: str
    judged: int
    family: str
    score: float
    single: str
    gains: tuple[Interval, ...]
    seconds: float

    @property
    def verdicts(self) -> tuple[str, ...]:
        return tuple(
            "better" if gain.low > 0 else "worse" if gain.high < 0 else "equal"
            for gain in self.gains
        )

    def __str__(self) -> str:
        shown = "  ".join(
            f"{gain.value:+10.4g} [{gain.low:+9.3g}, {gain.high:+9.3g}] {verdict:6}"
            for gain, verdict in zip(self.gains, self.verdicts, strict=True)
        )
        named = f"{self.table:38.38} {self.metric:8} {self.judged:6} {self.score:10.4g}"
        return f"{named} {self.family:13} {shown} {self.single:13} {self.seconds:5.1f} s"


def drafted(table: RealTable, budget: Sequence[str], settings: Settings, folder: Path) -> Workspace:
    """Draft a table's pipeline, and land its rows."""
    data = table.bring(folder)
    asked = ["new", table.name, "--data", str(data), "--target", table.target, *budget]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        command(asked)
    pipeline = find_pipeline(table.name, settings.pipelines)
    bucket, key = open_bucket(settings), settings.keyring
    place = Workspace(bucket, table.name, key, pipeline=pipeline, home=settings.home)
    said = "; ".join(bring(place, data).reasons)
    assert not said, said
    return place


def compared(table: RealTable, place: Workspace, began: float) -> Row | None:
    """Train, and judge the peers on the same rows; None where the gate refuses the model."""
    work, chosen, _ = challenge(place)
    best, data, pipeline = chosen.best, work.dataset, work.pipeline
    if not best.verdict.passed:
        return None
    ours = judged_answers(work, best.contender, best.challenger)
    seconds, single = time.monotonic() - began, best_default(chosen.tuning)
    theirs = (
        answers(data, lambda fit, judge: boosted(data, pipeline, fit, judge)),
        answers(data, lambda fit, judge: untuned(data, pipeline, single, fit, judge)),
    )
    metric, y = METRICS[pipeline.metric], data.y[data.split.judged]
    drawn = describe_split(data.split).sample(len(y), 0.95, pipeline.training.seed)
    gains = tuple(paired_gain(metric, y, ours, peer, drawn) for peer in theirs)
    family, score = best.contender.setting.family, best.score
    rows = best.judged.evaluation.rows
    return Row(table.name, metric.name, rows, family, score, single.family, gains, seconds)


def best_default(tuning: Tuning) -> Setting:
    """Return the family whose defaults did best on the folds."""
    sign = -1 if METRICS[tuning.metric].greater_is_better else 1
    plain = [t for t in tuning.trials if t.origin == "defaults" and t.state == "complete"]
    return min(plain, key=lambda trial: sign * trial.mean).setting


def answers(data: Dataset, fit: Fit) -> Floats:
    """Return a peer's answers on the judged rows: of the holdout at once, else fold by fold."""
    split = data.split
    whole = Fold(np.flatnonzero(split.training), np.flatnonzero(split.holdout))
    folds = split.folds or (whole,)
    places = np.concatenate([fold.judge for fold in folds])
    parts = np.concatenate([fit(fold.fit, fold.judge) for fold in folds])
    return np.asarray(parts[np.argsort(places, kind="stable")])


def untuned(
    data: Dataset, pipeline: Pipeline, setting: Setting, fit: Integers, judge: Integers
) -> Floats:
    """Return a family's answers with the setting given."""
    rows = np.zeros(len(data.y), dtype=bool)
    rows[fit] = True
    model = fit_rows(data, pipeline, setting, rows)
    return model.answers(data.prepared.iloc[judge], len(data.classes))


def boosted(data: Dataset, pipeline: Pipeline, fit: Integers, judge: Integers) -> Floats:
    """Return the answers of HistGradientBoosting with its defaults."""
    written = prepared_columns(data.schema).written
    seen = _with_categories(data.prepared, written, fit)
    kind = (
        HistGradientBoostingRegressor
        if pipeline.task == "regression"
        else HistGradientBoostingClassifier
    )
    model = kind(random_state=pipeline.training.seed)
    # its threads wait by spinning, as LightGBM's do (`tasks.models.families.boosting`)
    with threadpool_limits(1, user_api="openmp"):
        model.fit(seen.iloc[fit], data.y[fit])
    if pipeline.task == "regression":
        return np.asarray(model.predict(seen.iloc[judge]))
    shares: Array = np.zeros((len(judge), len(data.classes)))
    shares[:, model.classes_] = model.predict_proba(seen.iloc[judge])
    return shares


def _with_categories(rows: pd.DataFrame, written: Sequence[str], fit: Integers) -> pd.DataFrame:
    made = rows.copy()
    for name in written:
        levels = rows[name].iloc[fit].value_counts().index[:MOST_LEVELS]
        made[name] = pd.Categorical(rows[name], categories=list(levels))
    return made


def main() -> None:
    """Print a line a table, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    budget = ("--set", f"training.trials={asked.trials}")
    budget += ("--set", f"training.timeout={asked.seconds}s")
    rows: list[Row] = []
    print(f"{'':78} gain over {PEERS[0]:37} gain over the {PEERS[1]}")
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name)
        os.environ.update(make_project(folder))
        settings = Settings.from_environment()
        for table in (*TABLES, *SMALL):
            if table.refused or (asked.names and table.name not in asked.names):
                continue
            began = time.monotonic()
            row = compared(table, drafted(table, budget, settings, folder), began)
            print(row or f"{table.name:38.38} refused by the gate", flush=True)
            rows += [row] if row else []
    for place, peer in enumerate(PEERS):
        counts = Counter(row.verdicts[place] for row in rows)
        said = ", ".join(f"{counts[word]} {word}" for word in ("better", "equal", "worse"))
        print(f"of {len(rows)} champions against {peer}: {said}")


if __name__ == "__main__":
    main()
