"""The model families. Defaults are well regularised: tomorrow's rows are not yesterday's.

A family listed in `FAMILIES` is held to `tests/tasks/models/test_families.py`, for every task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.models.family import Dimension, Family
from tasks.models.model import Sample

Params = Mapping[str, Any]
LEAVES = 4_000
STEPS = 1_000


def linear(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a logistic regression, or least squares, with the penalty asked for.

    `alpha` weighs the penalty against the mean loss of a row, so that it means the same for
    any number of rows and for both tasks.
    """
    from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

    mix = {"l2": 0.0, "l1": 1.0, "elasticnet": params["l1_share"]}[params["penalty"]]
    if task != "regression":
        return LogisticRegression(
            C=1 / (params["alpha"] * sample.rows),
            l1_ratio=mix,
            solver="lbfgs" if mix == 0 else "saga",
            max_iter=200 if mix == 0 else 60,
            tol=1e-4 if mix == 0 else 1e-3,
            random_state=seed,
        )
    if mix == 0:
        return Ridge(alpha=params["alpha"] * sample.rows, solver="cholesky")
    return ElasticNet(alpha=params["alpha"], l1_ratio=mix, max_iter=500, random_state=seed)


def random_forest(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a random forest."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(**_forest(params, sample), max_samples=params["rows_share"], random_state=seed)


def extra_trees(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesRegressor if task == "regression" else ExtraTreesClassifier
    return kind(**_forest(params, sample), random_state=seed)


def lightgbm(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return gradient boosted trees."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task == "regression" else LGBMClassifier
    least = max(2, min(params["min_child_samples"], sample.rows // 50))
    return kind(
        **{**params, "min_child_samples": least},
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=spare_processors(),
        verbose=-1,
    )


def booster(text: str) -> Any:
    """Return the trees that LightGBM's own text holds."""
    from lightgbm import Booster

    return Booster(model_str=text)


def mlp(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a network of one or two layers, trained for about a thousand steps.

    `alpha` weighs the penalty against the mean loss of a row. A tenth of the rows is set aside
    to stop early where that is many rows; the accuracy of a few is noise, and the steps are
    bounded anyway.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    batch = max(8, min(512, sample.rows // 20))
    aside = sample.rows // 10
    stopping = aside >= 1000 and (not sample.classes or sample.smallest > 10)
    kind = MLPRegressor if task == "regression" else MLPClassifier
    return kind(
        hidden_layer_sizes=(params["width"],) * params["layers"],
        alpha=params["alpha"] * batch,
        learning_rate_init=params["learning_rate"],
        batch_size=batch,
        max_iter=max(4, min(100, STEPS * batch // sample.rows)),
        early_stopping=stopping,
        n_iter_no_change=4,
        random_state=seed,
    )


def spare_processors() -> int:
    """Return how many threads a fit may take: one processor is left to everything else.

    OpenMP threads wait for each other by spinning. Where another process holds a processor, two
    threads on two of them were ten times slower than one (18 s of processor time against 2 s).
    """
    from joblib import cpu_count  # type: ignore[import-untyped]

    return max(1, int(cpu_count()) - 1)


def _forest(params: Params, sample: Sample) -> dict[str, Any]:
    # the leaves of a tree bound the size of the export, however many rows there are
    floor = sample.rows // LEAVES
    least = max(1, floor, min(params["min_samples_leaf"], sample.rows // 50))
    return {
        "n_estimators": params["n_estimators"],
        "max_depth": params["max_depth"],
        "max_features": params["max_features"],
        "min_samples_leaf": least,
        "n_jobs": -1,
    }


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "linear",
            {
                "penalty": Dimension("l2", ("l2", "l1", "elasticnet")),
                "alpha": Dimension(1e-3, (1e-5, 1e-4, 1e-3, 1e-2), 1e-6, 1e-1, log=True),
                "l1_share": Dimension(0.5, (0.5,), 0.05, 0.95),
            },
            linear,
            trees=False,
        ),
        Family(
            "random_forest",
            {
                "n_estimators": Dimension(40, (40, 80), 20, 120),
                "max_features": Dimension(0.2, (0.2, 0.4), 0.1, 0.8),
                "max_depth": Dimension(12, (8, 12), 4, 14),
                "min_samples_leaf": Dimension(20, (10, 20, 50), 5, 200, log=True),
                "rows_share": Dimension(0.5, (0.3, 0.5), 0.2, 0.9),
            },
            random_forest,
            trees=True,
        ),
        Family(
            "extra_trees",
            {
                "n_estimators": Dimension(60, (60, 100), 30, 150),
                "max_features": Dimension(0.3, (0.2, 0.4), 0.1, 0.8),
                "max_depth": Dimension(14, (10, 14), 4, 16),
                "min_samples_leaf": Dimension(20, (10, 20, 50), 2, 200, log=True),
            },
            extra_trees,
            trees=True,
        ),
        Family(
            "lightgbm",
            {
                "n_estimators": Dimension(200, (100, 200, 400), 50, 500),
                "learning_rate": Dimension(0.03, (0.03, 0.1), 0.01, 0.2, log=True),
                "num_leaves": Dimension(15, (7, 15, 31), 4, 63, log=True),
                "min_child_samples": Dimension(200, (50, 200), 10, 500, log=True),
                "colsample_bytree": Dimension(0.7, (0.7,), 0.4, 1.0),
                "reg_lambda": Dimension(5.0, (5.0,), 1e-2, 50.0, log=True),
            },
            lightgbm,
            trees=True,
        ),
        Family(
            "mlp",
            {
                "width": Dimension(16, (16, 32, 64), 8, 96, log=True),
                "layers": Dimension(1, (1, 2), 1, 2),
                "alpha": Dimension(1e-2, (1e-4, 1e-3, 1e-2), 1e-5, 1e-1, log=True),
                "learning_rate": Dimension(1e-3, (1e-3, 3e-3), 3e-4, 1e-2, log=True),
            },
            mlp,
            trees=False,
        ),
    )
}
