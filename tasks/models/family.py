"""What a model family is: all that the rest needs to know of one, as fields."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.arrays import Array
from tasks.errors import ConfigurationError
from tasks.models.model import Estimator, Model

if TYPE_CHECKING:
    from tasks.features.schema import Columns
    from tasks.models.attribution import Attribution
    from tasks.models.encoders import Encoders
    from tasks.models.graph import Graph

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Dimension:
    """One parameter's values: those of `grid`, or a range, of which these are examples."""

    default: Any
    grid: tuple[Any, ...]
    low: float | None = None
    high: float | None = None
    log: bool = False

    def holds(self, value: Any) -> bool:
        """Tell whether the value lies within."""
        if self.low is None or self.high is None:
            return value in self.grid
        # True is an int in Python, and no parameter of a range
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def suggest(self, trial: Any, name: str) -> Any:
        """Let an Optuna trial choose a value."""
        if self.low is None:
            return trial.suggest_categorical(name, list(self.grid))
        # by the default's type: a count suggested as a float would be refused by the estimator
        draw = trial.suggest_int if isinstance(self.default, int) else trial.suggest_float
        return draw(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Family:
    """A family of models; parameters are named within it, and `lightgbm.num_leaves` in a study.

    Attributes:
        estimator: makes one of parameters, task, seed and sample.
        trees: whether it takes numbers as they are, or standardised ones.
        to_onnx: writes graph, encoded rows, fitted estimator and its classes (0 for a regression)
            as (rows, classes) probabilities in float32, or (rows, 1) values in double.
        importances: what each of the encoded columns weighs, from the fitted estimator and the
            (encoded,) deviations of the columns.
        file: of a version, with the state that is kept of it beside its export; no code in it.
        to_bytes: writes the state of a fitted model.
        warm: fits an unfitted estimator further from a state, with newer encoded rows, their
            targets, and their share among all rows; None where that is no cheaper than anew (a
            forest or a linear model gains nothing from its past).
        explainer: SHAP's values from the state and the encoders; None where only the export can
            be asked. Raises IntegrityError where the state is not what `to_bytes` wrote.
    """

    name: str
    space: Mapping[str, Dimension]
    estimator: Estimator
    trees: bool
    to_onnx: Callable[[Graph, str, Any, int], str]
    importances: Callable[[Any, Array], Array]
    file: str
    to_bytes: Callable[[Model], bytes]
    warm: Callable[[Any, bytes, Array, Array, float], None] | None = None
    explainer: Callable[[bytes, Encoders], Attribution] | None = None
    tasks: tuple[str, ...] = ("binary", "multiclass", "regression")

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters that serve untuned."""
        return {name: dimension.default for name, dimension in self.space.items()}

    def settings(self) -> tuple[dict[str, Any], ...]:
        """Return every combination of the dimensions' grids."""
        grids = (dimension.grid for dimension in self.space.values())
        return tuple(dict(zip(self.space, v, strict=True)) for v in itertools.product(*grids))

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Let an Optuna trial choose the parameters."""
        # names carry the family: a study wants one meaning for one name
        return {
            name: dimension.suggest(trial, f"{self.name}.{name}")
            for name, dimension in self.space.items()
        }

    def trial_params(self, params: Params) -> dict[str, Any]:
        """Return parameters under a study's names, as `Study.enqueue_trial` takes them."""
        return {f"{self.name}.{name}": value for name, value in params.items()}

    def build(
        self, params: Params, columns: Columns, task: str, seed: int, *, noisy: bool = False
    ) -> Model:
        """Return an unfitted model; parameters not given are the defaults.

        `noisy` says that little of the target follows from the columns, as of a model's errors.

        Raises:
            ConfigurationError: a parameter is unknown or outside the search space, or the
                task is not one of the family's.
        """
        if task not in self.tasks:
            raise ConfigurationError(f"family {self.name}", f"task is of {self.tasks}", task)
        for name, value in params.items():
            self._check(name, value)
        complete = {**self.defaults, **params}
        return Model(
            self.name,
            self.estimator,
            complete,
            columns,
            task,
            seed=seed,
            trees=self.trees,
            noisy=noisy,
        )

    def _check(self, name: str, value: Any) -> None:
        if name not in self.space:
            allowed = ", ".join(self.space)
            raise ConfigurationError(f"family {self.name}", f"parameters are {allowed}", name)
        space = self.space[name]
        if not space.holds(value):
            allowed = str(space.grid) if space.low is None else f"{space.low} to {space.high}"
            raise ConfigurationError(f"family {self.name}, {name}", f"is of {allowed}", value)
