"""The sections of the pipeline file, with the small languages their values are written in."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tasks.config.choices import Occasion
from tasks.letters import compose
from tasks.policy.challengers import parse_challenger
from tasks.policy.policy import parse_policy
from tasks.quantities import (
    parse_budget,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
    parse_trial,
)


def _text(check: Any) -> BeforeValidator:
    # kept as written: pages show what a person said
    def validate(value: Any) -> str:
        check(str(value))
        return str(value)

    return BeforeValidator(validate)


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError("it is an encoding of text, such as utf-8, utf-16 or cp1252") from error
    return name


def _kept(text: str) -> None:
    if parse_duration(text) < timedelta(days=1):
        raise ValueError("it is kept for 1d at least: a run at work may need it")


def _file_size(text: str) -> None:
    if not 2**20 <= parse_size(text) <= 2**30:
        raise ValueError("a file is of 1 MiB to 1 GiB, such as 128 MiB")


Duration = Annotated[str, _text(parse_duration)]
Kept = Annotated[str, _text(_kept)]
Share = Annotated[float, BeforeValidator(parse_share)]
BudgetText = Annotated[str, _text(parse_budget)]
RateText = Annotated[str, _text(parse_rate)]
# The parser's own spelling, so that one policy has one digest however it is written.
PolicyText = Annotated[str, BeforeValidator(lambda value: str(parse_policy(value)))]
ChallengerText = Annotated[str, _text(parse_challenger)]
TrialText = Annotated[str, _text(parse_trial)]
# Names of columns are compared by their letters, however these are composed.
Name = Annotated[str, AfterValidator(compose)]
Names = tuple[Name, ...]
Encoding = Annotated[str, AfterValidator(_encoding)]


class FileSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetHistory(FileSection):
    """Earlier targets as columns: the last `lags` known ones, and the mean of the last `mean`.

    `by` are columns whose values each have a history of their own.
    """

    lags: int = Field(default=3, ge=1, le=200)
    mean: int = Field(default=0, ge=0, le=1000)
    by: Names = ()


class Features(FileSection):
    """Which columns the model may see, and the row-wise function applied first.

    `text` says whether a column of free text is read word by word, or left out; `select` whether
    columns that do not help on the folds are; `history` which earlier targets are columns too.
    """

    exclude: Names = ()
    transform: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    text: Literal["auto", "none"] = "auto"
    select: Literal["auto", "none"] = "none"
    history: TargetHistory | None = None


class Data(FileSection):
    """How arriving rows are treated."""

    duplicates: Literal["drop", "refuse"] = "drop"
    updates: Literal["refuse", "newest", "append"] = "refuse"
    missing_target: Literal["keep_for_later", "drop", "refuse"] = "keep_for_later"
    max_batch_gib: float = Field(default=10, gt=0, allow_inf_nan=False)
    personal: Names = ()
    suite: str | None = Field(default=None, pattern=r"^[\w.]+$")

    @property
    def max_bytes(self) -> int:
        """The most unfolded bytes of one batch."""
        return int(self.max_batch_gib * 2**30)


class Labels(FileSection):
    """What becomes of a label that contradicts one that is known."""

    revisions: Literal["newest", "first"] = "newest"


class Training(FileSection):
    """How a model is chosen and fitted."""

    window: Annotated[str, _text(lambda text: text == "all" or parse_duration(text))] = "all"
    holdout: Share = 0.2
    evidence: Literal["auto", "holdout", "cross_validation"] = "auto"
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
    """What a challenger must show; `first` is how strict it is while no champion is in service."""

    first: Literal["strict", "lenient"] = "strict"
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
    max_cost: RateText | None = None
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


class Storage(FileSection):
    """How long is kept what no model, decision or run needs; see `perennial prune`."""

    target_file: Annotated[str, _text(_file_size)] = "128 MiB"
    keep_files: Kept = "7d"
    keep_versions: int = Field(default=10, ge=1)
    keep_results: Kept = "30d"
    keep_reports: Kept = "90d"
    keep_quarantine: Kept = "90d"
    keep_collected: Kept = "90d"

    @property
    def target_bytes(self) -> int:
        """The bytes of a compacted file."""
        return parse_size(self.target_file)
