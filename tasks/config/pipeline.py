"""The pipeline file as a value: its sections, what they must agree on, and what follows."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from tasks.config.choices import FAMILIES, METRICS, Task, is_output
from tasks.config.sections import (
    Data,
    Features,
    FileSection,
    Gate,
    Labels,
    Monitoring,
    Name,
    Names,
    Notifications,
    Retraining,
    Serving,
    Storage,
    Training,
)
from tasks.config.source import SourceOptions
from tasks.engine.address import LOCAL, PATTERN, parse_engine
from tasks.policy.limits import Limits
from tasks.quantities import parse_budget, parse_duration, parse_rate
from tasks.store.layout import INGESTED_AT, checked_name


def _engine(value: Any) -> str:
    return parse_engine(str(value)).text


# Keys that 0.1.0 did not know, by section; none of them where the file says nothing.
NEWER = ((None, "positive"), ("features", "history"), ("retraining", "max_cost"))


class Pipeline(FileSection):
    """One use case: a dataset, a target, and everything that keeps its model fresh.

    `positive` is the class that chances and explanations are of; without it, of two the later in
    order.
    """

    name: Annotated[str, BeforeValidator(lambda name: checked_name(str(name)))]
    description: str = ""
    task: Task
    target: Name = Field(min_length=1)
    positive: bool | int | float | str | None = None
    event_time: Name | None = Field(default=None, min_length=1)
    key: Names = ()
    source: SourceOptions = SourceOptions()
    features: Features = Features()
    data: Data = Data()
    training: Training = Training()
    gate: Gate = Gate()
    monitoring: Monitoring = Monitoring()
    labels: Labels = Labels()
    retraining: Retraining = Retraining()
    notifications: Notifications = Notifications()
    serving: Serving = Serving()
    storage: Storage = Storage()
    engine: Annotated[str, BeforeValidator(_engine)] = Field(
        default=LOCAL, json_schema_extra={"pattern": PATTERN}
    )

    @model_validator(mode="after")
    def _agrees(self) -> Pipeline:
        if self.training.metric not in (None, *METRICS[self.task]):
            raise ValueError(f"metric for {self.task} is one of {', '.join(METRICS[self.task])}")
        unknown = set(self.families) - set(FAMILIES)
        if unknown or not self.families:
            raise ValueError(f"families are of {', '.join(FAMILIES)}, or auto")
        if self.positive is not None and self.task != "binary":
            raise ValueError(
                f"positive is of two classes, task binary; leave it out of {self.task}"
            )
        if self.target in (*self.key, self.event_time):
            raise ValueError("target is neither the key nor the event time")
        shown = [name for name in self.gate.slices if name in self.data.personal]
        if shown:
            listed = ", ".join(shown)
            raise ValueError(f"gate.slices are not personal ({listed}): their values are shown")
        taken = [name for name in (*self.key, self.event_time or "") if is_output(name)]
        if taken:
            listed = ", ".join(taken)
            raise ValueError(
                f"key and event_time are no columns that scoring writes itself ({listed}): "
                "rename the column in the data, or name another"
            )
        self._check_history()
        return self

    def _check_history(self) -> None:
        history = self.features.history
        if history is None:
            return
        if self.event_time is None:
            raise ValueError(
                "features.history needs event_time, for what was known is told by the time: name "
                "the column, or leave features.history out"
            )
        if history.mean and self.task != "regression":
            raise ValueError("features.history.mean is of numbers: leave it out for classes")
        hidden = [name for name in (*history.by, self.target) if name in self.data.personal]
        if hidden:
            listed = ", ".join(hidden)
            raise ValueError(f"features.history keeps values, and these are personal: {listed}")
        if {self.target, self.event_time} & {*history.by}:
            raise ValueError("features.history.by names other columns than target and event_time")

    @property
    def time_column(self) -> str:
        """The column that puts rows in order: the event time, else when they arrived."""
        return self.event_time or INGESTED_AT

    @property
    def placed_by(self) -> Names:
        """The columns that every row needs a value in: its key, and its event time if any."""
        return (*self.key, *((self.event_time,) if self.event_time else ()))

    @property
    def metric(self) -> str:
        """The metric that decides: the file's, or the task's default."""
        return self.training.metric or METRICS[self.task][0]

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
        most = self.retraining.max_cost
        return Limits(
            parse_duration(self.retraining.cooldown),
            parse_budget(self.retraining.budget),
            self.retraining.worth,
            self.monitoring.performance.drop,
            max_cost=None if most is None else parse_rate(most),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of what the file says, defaults included; the same for the same meaning.

        Where the rows are collected from, and how long is kept what, changes none of them. Nor does
        the engine change a figure, so every file has the digest of a local one.
        """
        # sorted: the order of the fields in these classes is no part of the meaning
        content = self.model_dump(mode="json", exclude={"source": {"collect"}, "storage": True})
        content |= {"engine": LOCAL}
        # a file that says nothing of a newer key has the digest that it had before there was one
        for section, key in NEWER:
            held = content if section is None else content[section]
            if held[key] is None:
                del held[key]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def window_length(pipeline: Pipeline) -> timedelta | None:
    """Return how far back the training window reaches, or None for all rows."""
    text = pipeline.training.window
    return None if text == "all" else parse_duration(text)
