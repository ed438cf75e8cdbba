"""What a model card tells: what a model is, how it was chosen, and when not to use it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Row = tuple[str, ...]
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """One metric: its value and interval, and the same for the others where they have it."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    baselines: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceScore:
    """The deciding metric on the rows where `column` is `value`."""

    column: str
    value: str
    rows: int
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RuleResult:
    """What one rule of the gate said."""

    rule: str
    passed: bool
    figures: str
    reason: str


@dataclass(frozen=True)
class Look:
    """One column: its mean absolute contribution, and what the metric loses when it is shuffled."""

    column: str
    adds: float
    lost: float
    spread: float


@dataclass(frozen=True)
class Card:
    """Everything a model card shows, as plain values.

    `verdict` is one word or two, `tried` family to the number of settings tried, `features`
    name to importance (0 to 1 or any scale), `limits` and `cautions` whole sentences,
    `lineage` what to what (training key, data version, code, lock, run …). `window` and
    `holdout` are readable spans. `images` are titles with the PNG's path beside the card.
    `looked` says how the model was explained (or why not), `looks` what was found, `imitation`
    how well a small tree imitates the model, and `imitated` its (condition, answer, rows).
    """

    pipeline: str
    version: int | None
    description: str
    task: str
    target: str
    family: str
    metric: str
    confidence: float
    data_version: int
    rows: int
    window: str
    holdout_rows: int
    holdout: str
    tried: Mapping[str, int]
    why: str
    scores: tuple[Score, ...]
    verdict: str
    reasons: Lines = ()
    rules: tuple[RuleResult, ...] = ()
    slices: tuple[SliceScore, ...] = ()
    calibration: str = ""
    features: Mapping[str, float | None] = field(default_factory=dict)
    looked: str = ""
    looks: tuple[Look, ...] = ()
    imitation: str = ""
    imitated: tuple[Row, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    limits: Lines = ()
    cautions: Lines = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def title(self) -> str:
        """What the card is of, as its heading."""
        which = "candidate" if self.version is None else f"version {self.version}"
        return f"{self.pipeline}, {which}"
