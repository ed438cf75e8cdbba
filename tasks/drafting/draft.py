"""A pipeline as a data file suggests it: every decision with its ground. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any

import pandas as pd

from tasks.config.choices import RESERVED, Task
from tasks.drafting.leaks import find_leaks
from tasks.drafting.nearly import count_marks, say_nearly
from tasks.drafting.personal import find_personal
from tasks.drafting.positive import Positive, choose_positive, say_positive
from tasks.drafting.roles import (
    Columns,
    RoleChoice,
    check_column,
    choose_key,
    choose_time,
    find_useless,
    is_year,
    time_form,
)
from tasks.drafting.sentinels import say_sentinels
from tasks.drafting.series import Series, study_series
from tasks.drafting.target import TaskChoice, choose_task, say_twins
from tasks.drafting.wishes import flow
from tasks.errors import ConfigurationError
from tasks.policy.reading import count_text
from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.study import Study

LOOKED_AT = 500  # texts of a column, for personal data
AS_ASKED = "as asked"
SHOWN = 4  # columns of one kind that are told by name


@dataclass(frozen=True)
class Wishes:
    """What a person said about the columns; None and nothing where they said nothing."""

    time: str | None = None
    key: tuple[str, ...] = ()
    task: Task | None = None
    personal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What was decided of a file, and why.

    Attributes:
        positive: of a binary target, the class that chances are of.
        left_out: why columns are no features.
        personal: why columns are personal.
        leaks: why columns may give the answer away.
        constant: columns of one value.
        series: whether earlier targets tell more than any column.
    """

    name: str
    source: str
    target: str
    task: TaskChoice
    positive: Positive | None
    time: RoleChoice
    key: tuple[str, ...]
    key_ground: str
    left_out: Mapping[str, str]
    personal: Mapping[str, str]
    leaks: Mapping[str, str]
    constant: tuple[str, ...]
    series: Series
    study: Study

    @property
    def schedule(self) -> str:
        """The monthly cron line, at a minute of the pipeline's own: not all train at once.

        The minute follows from the name.
        """
        return f"{zlib.crc32(self.name.encode()) % 60} 6 1 * *"

    @property
    def content(self) -> dict[str, Any]:
        """What the pipeline file says beyond its defaults."""
        return {
            "name": self.name,
            "description": f"Predict {self.target} from {self.source}.",
            "task": self.task.task,
            "target": self.target,
            "positive": None if self.positive is None else self.positive.label,
            "event_time": self.time.column,
            "key": list(self.key),
            "source": self.study.options.written,
            "features": {"exclude": list(self.left_out), **self.series.features},
            "data": {"personal": list(self.personal)},
            # There is no champion to protect yet: a first model need only beat the naive ones.
            "gate": {"first": "lenient"},
            "retraining": {"schedule": self.schedule},
        }


def draft(
    name: str, source: str, target: str, study: Study, sample: pd.DataFrame, wishes: Wishes
) -> Draft:
    """Decide on every column of a file.

    Args:
        name, source: of the pipeline and of the data file.
        sample: some of the file's first rows, in the types of the study.

    Raises:
        ConfigurationError: the target, or a wish, does not fit the file, or only a person can
            say which column orders the rows.
    """
    study = _without_reserved(count_marks(study, sample))
    columns, texts = study.columns, _texts(study.columns, sample)
    check_column(columns, target, "--target")
    task = _asked(wishes.task, target, study) if wishes.task else choose_task(columns[target])
    for option, named in (("--time", (wishes.time,)), ("--key", wishes.key)):
        if target in named:
            raise ConfigurationError(option, "the target is neither time nor key", target)
    others = {c: seen for c, seen in columns.items() if c != target}
    asked = dict.fromkeys([name for name in wishes.personal if name in others], AS_ASKED)
    personal = asked | find_personal(others, texts)
    parts = {part for derived in study.options.derive.values() for part in derived.of}
    hidden = {*personal, *parts} - {wishes.time}
    time = choose_time({c: seen for c, seen in others.items() if c not in hidden}, wishes.time)
    free = {column: seen for column, seen in others.items() if column != time.column}
    hidden = set(personal) - set(wishes.key)
    key, ground = choose_key({c: seen for c, seen in free.items() if c not in hidden}, wishes.key)
    personal = {c: why for c, why in personal.items() if c != time.column}
    features = {c: seen for c, seen in free.items() if c not in {*key, *personal}}
    useless = find_useless(features, study.rows)
    constant = _find_constant(features, study.rows)
    recurring = time.column is not None and not is_year(columns[time.column])
    alone = not set(features) - {*useless, *constant, *parts}
    series = study_series(sample, target, time.column, task.task, study.rows, alone=alone)
    if not recurring and not series.lags and not set(features) - {*useless, *constant}:
        known = dict.fromkeys(key, "the key") | dict.fromkeys(personal, "personal")
        reasons = known | dict.fromkeys(constant, "one value") | useless
        raise _nothing_left(source, target, time.column, reasons)
    judged = [c for c in features if c not in {*useless, *constant, *parts}]
    leaks = find_leaks(sample[[*judged, target]], target, task.task)
    read = _discreet(_read_time(study, time.column), personal)
    nearly = say_nearly({c: values for c, values in texts.items() if c not in personal})
    predicted = {target: columns[target]} if task.task == "regression" else {}
    numbers = [seen for seen in (features | predicted).values() if seen.kind in NUMERIC]
    read = replace(read, notes=(*read.notes, *nearly, *say_sentinels(numbers, sample)))
    positive = choose_positive(columns[target]) if task.task == "binary" else None
    rest = (positive, time, key, ground, useless, personal, leaks, constant, series, read)
    return Draft(name, source, target, task, *rest)


def _find_constant(features: Columns, rows: int) -> tuple[str, ...]:
    # one value beside missing ones still says something: that it is missing
    return tuple(c for c, seen in features.items() if seen.constant and seen.missing in (0, rows))


def _nothing_left(
    source: str, target: str, time: str | None, reasons: Mapping[str, str]
) -> ConfigurationError:
    reasons = {**({} if time is None else {time: "a year alone"}), **reasons}
    listed = "; ".join(f"{column}: {why}" for column, why in [*reasons.items()][:SHOWN])
    remedy = (
        "Bring a table with more columns. Where each row follows the one before it, earlier "
        f"values of {target} are such columns."
    )
    rule = "a column is left to learn from"
    return ConfigurationError(source, rule, listed or "no other column", remedy)


def _without_reserved(study: Study) -> Study:
    """Return the study without columns that are called as the table's own."""
    taken = [name for name in study.columns if name.casefold() in RESERVED]
    left = (*study.options.leave_out, *taken)
    return replace(
        study,
        options=study.options.model_copy(update={"leave_out": left}),
        columns={name: seen for name, seen in study.columns.items() if name not in taken},
        notes=(*study.notes, *(f"{name} is left out: the table uses this name" for name in taken)),
    )


def _texts(columns: Columns, sample: pd.DataFrame) -> dict[str, list[str]]:
    words = (column for column, seen in columns.items() if seen.kind == "string")
    return {name: sample[name].dropna().astype(str).head(LOOKED_AT).tolist() for name in words}


def _read_time(study: Study, name: str | None) -> Study:
    """Return the study with the time column read as one, where it is a number of some unit."""
    if name is None or study.columns[name].kind in TIMES:
        return study
    form = time_form(study.columns[name])
    assert form is not None
    seen = replace(study.columns[name], kind=form.kind or "timestamp", reading=form)
    how = f"counted in {form.unit} since 1970" if form.unit else f"in the form {form.format}"
    note = f"{name}: `{seen.examples[0]}` is a time, {how}"
    return study.reread(name, seen, note)


def _discreet(study: Study, personal: Mapping[str, str]) -> Study:
    """Return the study with no value of a personal column in its notes."""
    quiet = {
        f"{name}: ": f"{name}: read as `source` of the pipeline file says" for name in personal
    }
    notes = (
        next((said for head, said in quiet.items() if note.startswith(head)), note)
        for note in study.notes
    )
    return replace(study, notes=tuple(notes))


def _asked(task: Task, target: str, study: Study) -> TaskChoice:
    column = study.columns[target]
    if task == "regression" and column.kind not in NUMERIC:
        raise ConfigurationError(
            "--task",
            f"a regression predicts numbers, and {target} is {column.kind}",
            task,
            "Leave --task out.",
        )
    if task == "binary" and column.distinct != 2 and column.kind != "boolean":
        count = "many" if column.distinct is None else column.distinct
        raise ConfigurationError(
            "--task",
            f"two values of {target} are binary; it has {count}",
            task,
            "Use multiclass, or regression.",
        )
    return TaskChoice(task, AS_ASKED)


def say_draft(made: Draft) -> list[str]:
    """Return in a dozen lines what was decided, and why."""
    study = made.study
    other = "multiclass" if made.task.task == "regression" else "regression"
    asked = made.task.ground == AS_ASKED
    ground = AS_ASKED if asked else f"{made.target} has {made.task.ground}"
    change = f" Otherwise: --task {other}." if made.task.question else ""
    columns = count_text(len(study.columns), "column", "columns")
    lines = [
        f"rows      {study.rows:,} in {columns} of {made.source}",
        *(f"reading   {note}" for note in study.notes),
        f"task      {made.task.task}: {ground}.{change}",
        *say_twins(study.columns[made.target], made.task.task, made.name),
        *say_positive(made.positive, study.columns[made.target]),
        f"time      {made.time.column or 'none'}: {made.time.ground}",
        f"key       {', '.join(made.key) or 'none'}: {made.key_ground}",
        *_told("left out", made.left_out),
        *_told("personal", made.personal),
    ]
    if made.constant:
        lines.append(f"constant  {_few(made.constant)}: no feature until the values differ")
    lines += _told("leak?", made.leaks)
    if made.leaks:
        # as YAML: a column may be called 7, or on
        setting = quote(f"features.exclude+={flow(next(iter(made.leaks)))}")
        lines.append(f"          Known only afterwards? Leave it out: --set {setting}")
    said = made.series.said
    lines += [f"{'' if place else 'series':<9} {line}" for place, line in enumerate(said)]
    lines.append(f"schedule  retrains monthly ({made.schedule} UTC) within cooldown and budget")
    return lines


def _told(head: str, reasons: Mapping[str, str]) -> list[str]:
    # Columns of one ground share a line.
    grouped: dict[str, list[str]] = {}
    for column, why in reasons.items():
        grouped.setdefault(why, []).append(column)
    return [f"{head:<9} {_few(names)}: {why}" for why, names in grouped.items()]


def _few(names: Sequence[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
