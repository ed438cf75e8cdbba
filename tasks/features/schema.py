"""Which columns a model sees, and as what; decided once, on the training rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from tasks.errors import DataError
from tasks.features.history import HistoryPlan
from tasks.records import plain, read
from tasks.store.layout import BATCH, INGESTED_AT

Kind = Literal["number", "category", "boolean", "time", "text"]
Part = Literal["hour", "weekday", "month", "day_of_year"]
# No features: what landing adds to every curated table.
INTERNAL = (BATCH, INGESTED_AT)
PARTS = get_args(Part)
# A stored schema tells them by these very words: with others, older ones would not.
IS_TARGET = "it is the target"
IS_PERSONAL = "it is personal"


class Columns(NamedTuple):
    """The columns of a prepared frame: float32 numbers, categories as text, words of free text."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    texts: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """Those that are text, in the order in which a model takes them."""
        return (*self.categories, *self.texts)

    @property
    def watched(self) -> Columns:
        """The columns once each free text is the number of its words (`terms.count_words`)."""
        return Columns((*self.numbers, *self.texts), self.categories)


@dataclass(frozen=True)
class Feature:
    """One raw column; `parts` are the cycles a time is unfolded to (all where empty)."""

    name: str
    kind: Kind
    parts: tuple[Part, ...] = ()

    @property
    def prepared(self) -> tuple[str, ...]:
        """The names of the columns it becomes.

        >>> Feature("departure", "time", ("hour", "weekday")).prepared
        ('departure_hour', 'departure_weekday')
        """
        if self.kind != "time":
            return (self.name,)
        return tuple(f"{self.name}_{part}" for part in self.parts or PARTS)


@dataclass(frozen=True)
class FeatureSchema:
    """The features in order of their names, and why every other column is none.

    `history` says which of the columns are made of earlier targets, where any are.
    """

    features: tuple[Feature, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    history: HistoryPlan | None = None

    @property
    def target(self) -> str | None:
        """The target's column; the user's transform never sees it."""
        return next((name for name, why in self.dropped.items() if why == IS_TARGET), None)

    @property
    def left_out(self) -> dict[str, str]:
        """Why each other column is no feature, but for the target."""
        return {name: why for name, why in self.dropped.items() if why != IS_TARGET}

    @property
    def personal(self) -> frozenset[str]:
        """The columns of which no value is kept beside an answer; what the key needs is not."""
        return frozenset(name for name, why in self.dropped.items() if why == IS_PERSONAL)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        made = dict(plain(self))
        # most models have none: what they store is what they stored before there was one
        return made if self.history else {name: made[name] for name in made if name != "history"}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FeatureSchema:
        """Read what `to_dict` wrote.

        Raises:
            DataError: it is not a schema.
        """
        return read(cls, document, "feature schema", "is a list of features", refusal=DataError)


def prepared_columns(schema: FeatureSchema) -> Columns:
    """Return the columns that `prepare` makes, numbers first.

    >>> prepared_columns(FeatureSchema((Feature("a", "number"), Feature("c", "category"))))
    Columns(numbers=('a',), categories=('c',), texts=())
    """
    named: dict[str, list[str]] = {"category": [], "text": []}
    numbers: list[str] = []
    for feature in schema.features:
        named.get(feature.kind, numbers).extend(feature.prepared)
    return Columns(tuple(numbers), tuple(named["category"]), tuple(named["text"]))


def origins(schema: FeatureSchema) -> dict[str, str]:
    """Return the raw column behind every prepared one.

    >>> origins(FeatureSchema((Feature("t", "time", ("hour",)),)))
    {'t_hour': 't'}
    """
    return {name: feature.name for feature in schema.features for name in feature.prepared}
