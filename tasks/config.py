"""The pipeline file: its model, its schema, and its refusals."""

from __future__ import annotations

import difflib
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tasks.errors import ConfigurationError
from tasks.policy.challengers import parse_challenger
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.quantities import parse_budget, parse_duration, parse_share, parse_trial
from tasks.store.layout import checked_name

Task = Literal["binary", "multiclass", "regression"]
Occasion = Literal["quarantined", "refused", "promoted", "awaiting", "degraded"]
METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1"),
    "multiclass": ("log_loss", "accuracy", "f1_macro", "roc_auc_ovr"),
    "regression": ("rmse", "mae", "r2"),
}
FAMILIES = ("linear", "random_forest", "extra_trees", "lightgbm", "mlp")


def _text(check: Any) -> BeforeValidator:
    """Keep the text as written, once `check` accepts it."""

    def validate(value: Any) -> str:
        check(str(value))
        return str(value)

    return BeforeValidator(validate)


def _engine(value: Any) -> str:
    if str(value).startswith("dask"):
        raise ValueError("only local works, for nothing here computes on Dask yet")
    return str(value)


Duration = Annotated[str, _text(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share)]
BudgetText = Annotated[str, _text(parse_budget)]
PolicyText = Annotated[str, BeforeValidator(lambda value: str(parse_policy(value)))]
ChallengerText = Annotated[str, _text(parse_challenger)]
TrialText = Annotated[str, _text(parse_trial)]
Names = tuple[str, ...]


class FileSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Features(FileSection):
    """Which columns the model may see, and the row-wise function applied first."""

    exclude: Names = ()
    transform: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")


class Data(FileSection):
    """How arriving rows are treated."""

    duplicates: Literal["drop", "refuse"] = "drop"
    missing_target: Literal["keep_for_later", "drop", "refuse"] = "keep_for_later"
    max_batch_gib: float = Field(default=10, gt=0)
    personal: Names = ()
    suite: str | None = Field(default=None, pattern=r"^[\w.]+$")


class Training(FileSection):
    """How a model is chosen and fitted."""

    window: Annotated[str, _text(lambda text: text == "all" or parse_duration(text))] = "all"
    holdout: Share = 0.2
    metric: str | None = None
    families: Literal["auto"] | Names = "auto"
    trials: int = Field(default=30, ge=0, le=10_000)
    timeout: Duration = "10m"
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    folds: int = Field(default=3, ge=2, le=20)
    refit: bool = True
    seed: int = Field(default=7, ge=0, lt=2**32)

    @property
    def seconds(self) -> float:
        """The tuning timeout in seconds."""
        return parse_duration(self.timeout).total_seconds()


class Gate(FileSection):
    """What a challenger must show."""

    min_gain: float = 0.0
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    min_rows: int = Field(default=200, ge=10)
    slices: Names = ()
    max_slice_loss: float = Field(default=0.02, ge=0)
    max_calibration_error: float = Field(default=0.1, gt=0)
    latency_p99: Duration = "5ms"
    max_size_mib: float = Field(default=200, gt=0)
    approval: Literal["auto", "manual"] = "auto"


class Drift(FileSection):
    share: Share = 0.3
    weights: Literal["importance", "equal"] = "importance"


class Performance(FileSection):
    drop: float = Field(default=0.02, ge=0)


class Monitoring(FileSection):
    """What is watched while the model is in service."""

    drift: Drift = Drift()
    performance: Performance = Performance()
    labels: Literal["with_batch", "delayed"] = "with_batch"
    label_delay: Duration = "0s"


class Retraining(FileSection):
    """When a new model is worth training, and which challengers are made then."""

    policy: PolicyText = "performance"
    schedule: str | None = None
    cooldown: Duration = "1d"
    budget: BudgetText = "8 per 30d"
    worth: float = Field(default=0.0, ge=0)
    challengers: Annotated[tuple[ChallengerText, ...], Field(min_length=1)] = ("tuned", "refitted")


class Notifications(FileSection):
    """Through which Prefect blocks (`slack-webhook/ops`) a sentence is sent, and when."""

    blocks: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")], ...] = ()
    on: tuple[Occasion, ...] = get_args(Occasion)


class Serving(FileSection):
    """How the prediction API answers; `challenger` is how one that awaits approval is tried."""

    explain: bool = True
    log_predictions: bool = True
    challenger: TrialText = "none"
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    max_drop: float = Field(default=0.02, ge=0)

    @property
    def share(self) -> float | None:
        """The share of keys for a challenger that is tried: 0 in shadow, None where it is not."""
        return parse_trial(self.challenger)


class Pipeline(FileSection):
    """One use case: a dataset, a target, and everything that keeps its model fresh."""

    name: Annotated[str, BeforeValidator(lambda name: checked_name(str(name)))]
    description: str = ""
    task: Task
    target: str = Field(min_length=1)
    event_time: str = Field(min_length=1)
    key: Names = ()
    features: Features = Features()
    data: Data = Data()
    training: Training = Training()
    gate: Gate = Gate()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    notifications: Notifications = Notifications()
    serving: Serving = Serving()
    engine: Annotated[Literal["local"], BeforeValidator(_engine)] = "local"

    @model_validator(mode="after")
    def _agrees(self) -> Pipeline:
        if self.training.metric not in (None, *METRICS[self.task]):
            raise ValueError(f"metric for {self.task} is one of {', '.join(METRICS[self.task])}")
        unknown = set(self.families) - set(FAMILIES)
        if unknown or not self.families:
            raise ValueError(f"families are of {', '.join(FAMILIES)}, or auto")
        if self.target in (*self.key, self.event_time):
            raise ValueError("target is neither the key nor the event time")
        return self

    @property
    def metric(self) -> str:
        """The metric that decides: the file's, or the task's default."""
        default = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
        return self.training.metric or default[self.task]

    @property
    def families(self) -> Names:
        """The model families to search."""
        return FAMILIES if self.training.families == "auto" else self.training.families

    @property
    def suite(self) -> str:
        """The module that holds the pipeline's Great Expectations suite."""
        return self.data.suite or f"expectations.{self.name.replace('-', '_')}"

    @property
    def limits(self) -> Limits:
        """What holds the policy back."""
        return Limits(
            parse_duration(self.retraining.cooldown),
            parse_budget(self.retraining.budget),
            self.retraining.worth,
            self.monitoring.performance.drop,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of what the file says, defaults included; the same for the same meaning."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def read_pipeline(path: Path) -> Pipeline:
    """Read and check one pipeline file.

    Raises:
        ConfigurationError: it cannot be read, is not YAML, or breaks a rule; every broken
            rule is named at once.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(str(path), "the file can be read", error.strerror) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fault = " ".join(str(error).split())
        raise ConfigurationError(str(path), "the file is YAML", fault, "Mend the line.") from error
    if not isinstance(content, dict):
        came = type(content).__name__
        raise ConfigurationError(str(path), "the file is a mapping of keys", came)
    try:
        pipeline = Pipeline.model_validate(content)
    except ConfigurationError:
        raise
    except ValidationError as error:
        faults = [_fault(detail) for detail in error.errors()]
        rule = "1 rule is broken" if len(faults) == 1 else f"{len(faults)} rules are broken"
        listed = "".join(f"\n  {fault}" for fault in faults)
        raise ConfigurationError(path.name, rule, remedy=listed) from error
    if path.stem != pipeline.name:
        rule = f"the name is the file's own, {path.stem}"
        raise ConfigurationError(path.name, rule, pipeline.name, "Rename one of them.")
    return pipeline


def find_pipeline(name: str, folder: Path) -> Pipeline:
    """Read the pipeline of this name from `folder`.

    Raises:
        ConfigurationError: there is none, or its file is not valid.
    """
    checked_name(name)
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = pipeline_names(folder)
        listed = ", ".join(known) or "none"
        remedy = f"{_did_you_mean(name, known)}Known: {listed}.".strip()
        raise ConfigurationError("pipeline", f"a file {name}.yaml exists in {folder}", name, remedy)
    return read_pipeline(path)


def pipeline_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the pipelines in `folder`, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the pipeline file, for editors."""
    schema = Pipeline.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _fault(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "file"
    if detail["type"] == "extra_forbidden":
        allowed = _allowed(detail["loc"][:-1])
        hint = _did_you_mean(str(detail["loc"][-1]), allowed)
        return f"{where}: no such key. {hint}Allowed: {', '.join(allowed)}."
    if detail["type"] == "missing":
        return f"{where}: is needed. Add it."
    message = detail["msg"].removeprefix("Value error, ")
    came = "" if isinstance(detail["input"], dict) else f"; got {detail['input']!r}"
    return f"{where}: {message}{came}."


def _allowed(location: tuple[str | int, ...]) -> tuple[str, ...]:
    model: Any = Pipeline
    for part in location:
        model = model.model_fields[part].annotation
    return tuple(model.model_fields)


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]}? " if close else ""


def window_length(pipeline: Pipeline) -> timedelta | None:
    """Return how far back the training window reaches, or None for all rows."""
    text = pipeline.training.window
    return None if text == "all" else parse_duration(text)
