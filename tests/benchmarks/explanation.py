"""One explanation of the flights' models, beside shap's own TreeExplainer on the same trees.

    python -m tests.benchmarks.explanation [--rows 60]

Each family is fitted on January to March with its defaults. Printed are medians over single rows,
each of which is prepared already: ours with SHAP's values and the words, ours with LIME, shap's
TreeExplainer made once and used for every row, and made anew for each. All that shap returns are
values of the encoded columns; they are asked to be the same as ours.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deployments.demo.flights import first_quarter
from tasks.config import find_pipeline
from tasks.dataset.dataset import Dataset, build_dataset
from tasks.explanation.explainer import Explainer
from tasks.features.prepare import prepared_columns
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.families import FAMILIES
from tasks.models.keeping import load_attribution
from tasks.settings import REPOSITORY
from tests.tasks.explanation.conftest import Version, version_of

TREES = ("extra_trees", "lightgbm")
MOST_MILLISECONDS = 5.0


def flights() -> Dataset:
    """Return January to March, split as a training splits them."""
    pipeline = find_pipeline("flights", REPOSITORY / "deployments" / "pipelines")
    with tempfile.TemporaryDirectory(prefix="perennial-explanation-") as folder:
        rows = pd.read_csv(first_quarter(Path(folder)), engine="pyarrow")
    return build_dataset(rows, pipeline)


def fitted(family: str, data: Dataset) -> Version:
    """Fit a family's defaults on the training window."""
    rows, y = data.prepared[data.split.training], data.y[data.split.training]
    model = FAMILIES[family].build({}, prepared_columns(data.schema), "binary", 7)
    return version_of(model.fit(rows, y), family, rows, data.schema, data.classes)


def taken(work: Callable[[int], Any], rows: int) -> str:
    """Return medians of single calls, after two to warm up: wall and processor time."""
    walls, processors = [], []
    for row in range(rows + 2):
        wall, processor = time.perf_counter(), time.process_time()
        work(row)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    wall, processor = (statistics.median(all_[2:]) * 1000 for all_ in (walls, processors))
    return f"{wall:8.2f} ms a row, {processor:8.2f} ms of a processor"


def peers(version: Version, asked: pd.DataFrame) -> tuple[Callable[[int], Any], ...]:
    """Return shap's explainer, made once and made anew, on encoded rows; check it agrees."""
    import shap

    encoders = Encoders.from_bytes(version.files[ENCODERS])
    encoded = np.concatenate([block.encode(asked) for block in encoders.blocks], axis=1)
    estimator = version.model.pipeline_.named_steps["model"]
    trees = getattr(estimator, "booster_", estimator)
    once = shap.TreeExplainer(trees)
    theirs = np.asarray(once.shap_values(encoded[:10], check_additivity=False))
    theirs = theirs[:, :, 1] if theirs.ndim == 3 else theirs
    attribution = load_attribution(version.files, encoders)
    assert attribution is not None
    ours = attribution.attribute(encoded[:10], np.zeros(10, int)).values
    print(f"{'':12} largest difference from shap {np.abs(ours - theirs).max():.1e}")

    def kept(row: int) -> Any:
        return once.shap_values(encoded[row : row + 1], check_additivity=False)

    def anew(row: int) -> Any:
        made = shap.TreeExplainer(trees)
        return made.shap_values(encoded[row : row + 1], check_additivity=False)

    return kept, anew


def main() -> None:
    """Print milliseconds a row, and what a version holds to be explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60)
    rows = parser.parse_args().rows
    data = flights()
    asked = data.prepared[data.split.holdout].head(rows + 2).reset_index(drop=True)
    for family in ("linear", *TREES):
        version = fitted(family, data)
        start = time.perf_counter()
        exact = Explainer(version.loaded)
        loaded = (time.perf_counter() - start) * 1000
        lime = Explainer(version.loaded, "lime")
        sizes = {name: f"{len(one) / 1e6:.1f}" for name, one in version.files.items()}
        print(f"{family:12} {exact.method}, {loaded:.0f} ms to load, MB: {sizes}")
        said = f" (at most {MOST_MILLISECONDS:.0f} ms)" if family == "lightgbm" else ""
        one = taken(lambda row, by=exact: by.explain(asked.iloc[row : row + 1]), rows)
        print(f"{'':12} ours {one}{said}")
        near = taken(lambda row, by=lime: by.explain(asked.iloc[row : row + 1]), rows)
        print(f"{'':12} LIME {near}")
        if family in TREES:
            kept, anew = peers(version, asked)
            print(f"{'':12} shap {taken(kept, rows)}, made once")
            print(f"{'':12} shap {taken(anew, 5)}, made for each row")


if __name__ == "__main__":
    main()
