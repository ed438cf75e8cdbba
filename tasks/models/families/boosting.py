"""Gradient boosted trees; the door of lightgbm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.models import trees
from tasks.models.attribution import Attributed, Attribution, additions, log_rest
from tasks.models.encoders import Encoders
from tasks.models.family import Dimension, Family, Params
from tasks.models.model import Model, Sample

if TYPE_CHECKING:
    from tasks.models.graph import Graph

FILE = "booster.txt"
# Columns, from which on histograms take all the time: 200 trees of 1,200 rows of 500 columns take
# 0.6 s column by column with few bins, and 1.9 s otherwise.
WIDE = 100
FEW_BINS = 63
TOGETHER = 4  # columns that a tree sees at least
# Rows of a regression for each unit of the penalty. Of 23 tables of 205 to 10,000 rows this,
# smaller leaves and TOGETHER took the error of chicks' weights from 29.3 to 21.3 and of wages from
# 4.06 to 3.34; the largest loss was 400 answers of three columns, log loss 0.93 to 0.99.
PENALISED = 4_000
# A warm start adds so many at least: the share of a few newer rows would round to none.
FEWEST_TREES = 10
LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)


def estimator(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return gradient boosted trees."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task == "regression" else LGBMClassifier
    wide = sample.columns > WIDE
    return kind(
        **{**params, **_fitting(params, task, sample)},
        random_state=seed,
        # without a layout LightGBM chooses one by timing, and sums differ with threads:
        # https://lightgbm.readthedocs.io/en/stable/Parameters.html#deterministic
        deterministic=True,
        force_row_wise=not wide,
        force_col_wise=wide,
        max_bin=FEW_BINS if wide else 255,
        n_jobs=spare_processors(),
        verbose=-1,
    )


def _fitting(params: Params, task: str, sample: Sample) -> dict[str, Any]:
    """Return the parameters that depend on how many rows and columns there are."""
    # Where the target is mostly noise, as a model's errors are, leaves and penalty stay large, and
    # trees narrow: of 300 and 500 errors the mean was told to 54 and 24 %, else to 84 and 77 %.
    if sample.noisy:
        return {"min_child_samples": max(2, min(params["min_child_samples"], sample.rows // 50))}
    # a fiftieth of the rows: of 300 rows no leaf would hold the 200 that suit 80,000; a value says
    # more than a class, so that half as many do
    share = 100 if task == "regression" else 50
    fitting = {
        "min_child_samples": max(2, min(params["min_child_samples"], sample.rows // share)),
        # of three columns a tree of two knows nothing of what all three say together
        "colsample_bytree": max(params["colsample_bytree"], min(1.0, TOGETHER / sample.columns)),
    }
    if task == "regression":
        # it counts as rows of mean zero in every leaf: five are many where a leaf has nine
        fitting["reg_lambda"] = min(params["reg_lambda"], sample.rows / PENALISED)
    return fitting


def spare_processors() -> int:
    """Return how many threads a fit may take: one processor is left to everything else.

    OpenMP threads wait for each other by spinning. Where another process holds a processor, two
    threads on two of them were ten times slower than one (18 s of processor time against 2 s).
    """
    from joblib import cpu_count  # type: ignore[import-untyped]

    # joblib's count knows the limits of a container, which the standard library's does not
    return max(1, int(cpu_count()) - 1)


def to_onnx(graph: Graph, rows: str, fitted: Any, classes: int) -> str:
    """Write the trees: their sum is a regression's answer, or the log-odds of the classes."""
    read = trees.read_booster(fitted.booster_.model_to_string())
    sums = graph.sum_of_trees(rows, read, classes if classes > 2 else 1)
    return graph.probabilities(sums, classes) if classes else sums


def importances(fitted: Any, _: Array) -> Floats:
    """Return the gain of the splits of each column."""
    return np.asarray(fitted.booster_.feature_importance("gain"), dtype=np.float64)


def to_bytes(model: Model) -> bytes:
    """Return the trees as LightGBM's own text."""
    return str(model.pipeline_.named_steps["model"].booster_.model_to_string()).encode()


def load_booster(state: bytes) -> Any:
    """Return the trees that `to_bytes` wrote, as LightGBM has them."""
    from lightgbm import Booster

    return Booster(model_str=state.decode())


def fit_further(unfitted: Any, state: bytes, rows: Array, y: Array, share: float) -> None:
    """Add trees to the kept ones, fitted to what these leave unexplained of the newer rows."""
    unfitted.set_params(n_estimators=max(FEWEST_TREES, round(unfitted.n_estimators * share)))
    unfitted.fit(rows, y, init_model=load_booster(state))


def explainer(state: bytes, encoders: Encoders) -> Attribution:
    """Return LightGBM's own computation of SHAP's values."""
    booster, spread = load_booster(state), encoders.spread

    def attribute(encoded: Array, outputs: Integers) -> Attributed:
        # threads that wait for each other cost more than a few rows do
        threads = 1 if len(encoded) < 64 else spare_processors()
        answer = booster.predict(encoded, pred_contrib=True, num_threads=threads)
        # (n, outputs, encoded + 1), the base last
        values = np.asarray(answer).reshape(len(encoded), -1, encoded.shape[1] + 1)
        chosen = values[np.arange(len(encoded)), outputs]
        base = chosen[:, -1] * spread + encoders.center
        return Attributed(base, chosen[:, :-1] * spread, log_rest(values.sum(axis=2), outputs))

    work = additions(map(int, LEAVES.findall(state.decode())))
    return Attribution("tree_shap", "log-odds" if encoders.classes else "value", work, attribute)


LIGHTGBM = Family(
    "lightgbm",
    {
        "n_estimators": Dimension(200, (100, 200, 400), 50, 500),
        "learning_rate": Dimension(0.03, (0.03, 0.1), 0.01, 0.2, log=True),
        # at most 63, so that each version can be scored by bit vectors, which hold 64
        "num_leaves": Dimension(15, (7, 15, 31), 4, 63, log=True),
        "min_child_samples": Dimension(200, (50, 200), 10, 500, log=True),
        "colsample_bytree": Dimension(0.7, (0.7,), 0.4, 1.0),
        "reg_lambda": Dimension(5.0, (5.0,), 1e-2, 50.0, log=True),
    },
    estimator,
    trees=True,
    to_onnx=to_onnx,
    importances=importances,
    file=FILE,
    to_bytes=to_bytes,
    warm=fit_further,
    explainer=explainer,
)
