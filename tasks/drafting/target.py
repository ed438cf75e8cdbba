"""Which task a target column suggests, and the ground. Pure."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from shlex import quote

from tasks.config.choices import Task
from tasks.errors import ConfigurationError
from tasks.policy.reading import count_text
from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.options import Reading
from tasks.readers.reading import quoted
from tasks.readers.spelling import find_twins
from tasks.readers.study import ColumnStudy, Study

MOST_CLASSES = 100  # texts; more are names, and no family here tells so many apart
FEW = 20  # whole numbers that may be codes of classes
REPEATED = 5  # rows of a code on average; rarer ones are a quantity, or nothing to learn from
# Codes 0..k-1 that come about equally often are classes (irises, digits); counts thin out.
EVEN = 0.5
# What stands for no value even among words: nobody predicts them. `None` and `-` may be classes.
NO_CLASS = ("NA", "N/A", "n/a", "N.A.", "#N/A", "NaN", "nan", "null", "NULL", "?", ".", r"\N")
CLASS_WORDS = frozenset(
    ("class", "label", "type", "kind", "species", "category", "group", "cluster", "segment", "code")
)


@dataclass(frozen=True)
class TaskChoice:
    """The task, the ground for it, and whether a person should look at it."""

    task: Task
    ground: str
    question: bool = False


def choose_task(target: ColumnStudy) -> TaskChoice:
    """Return the task of a target: words are classes, counts and ratings are quantities.

    Raises:
        ConfigurationError: the column is neither classes nor a quantity.
    """
    if target.distinct is not None and target.distinct < 2:
        raise _unfit(target, "one value throughout" if target.distinct else "no value")
    if target.kind in TIMES:
        raise _unfit(target, f"a {target.kind}")
    # true and false may come in several spellings
    if target.distinct == 2 or target.kind == "boolean":
        return TaskChoice("binary", f"two values: {_listed(target)}")
    if target.kind not in NUMERIC:
        if target.distinct is None or target.distinct > MOST_CLASSES:
            raise _unfit(target, "more different texts than classes can be")
        return TaskChoice("multiclass", f"{target.distinct} words: {_listed(target)}")
    return _judge_numbers(target)


def keep_words(study: Study, target: str) -> Study:
    """Return the study with a target of ja and nein as these two words: answers then say them.

    What comes in several spellings stays true and false, for a word of each would be a class.
    """
    column = study.columns[target]
    reading = column.reading
    if column.kind != "boolean" or reading is None or not reading.yes or column.distinct != 2:
        return study
    readings = {name: told for name, told in study.options.columns.items() if name != target}
    marks = Reading(kind="string", missing=reading.missing) if reading.missing else None
    readings |= {} if marks is None else {target: marks}
    # in place of the line that said what the words read as
    words = " and ".join(f"`{word}`" for word in (*reading.yes, *reading.no))
    notes = [note for note in study.notes if not note.startswith(f"{target}: `")]
    return replace(
        study,
        options=study.options.model_copy(update={"columns": readings}),
        columns={**study.columns, target: replace(column, kind="string", reading=marks)},
        notes=(*notes, f"{target}: {words} are two classes, which answers call so"),
    )


def read_target(study: Study, target: str) -> Study:
    """Return the study with marks for no value among a target's words read as such, and said."""
    column, reading = study.columns[target], study.options.columns.get(target, Reading())
    marks = tuple(mark for mark in NO_CLASS if mark in column.levels)
    if not marks or column.kind != "string" or "missing" in reading.model_fields_set:
        return study
    rows = sum(column.levels[mark] for mark in marks)
    reading = reading.model_copy(update={"kind": "string", "missing": marks})
    seen = replace(
        column,
        reading=reading,
        missing=column.missing + rows,
        distinct=None if column.distinct is None else column.distinct - len(marks),
        levels={level: n for level, n in column.levels.items() if level not in marks},
    )
    setting = quote(f"source.columns.{quoted(target)}.missing=[]")
    told = f"{', '.join(f'`{mark}`' for mark in marks)} in {count_text(rows, 'row', 'rows')}"
    note = f"{target}: {told} is no value. If it is a class: --set {setting}"
    return study.reread(target, seen, note)


def say_twins(target: ColumnStudy, task: Task, name: str) -> list[str]:
    """Return a line about classes that are one in two spellings: ingest holds their file."""
    reading = target.reading or Reading()
    counts: dict[str, int] = {}
    for level, rows in target.levels.items():
        word = level.strip(f"{reading.strip} ") if reading.strip else level
        counts[word] = counts.get(word, 0) + rows
    twins = {} if task == "regression" or target.kind != "string" else find_twins(counts)
    told = "; ".join(f"{twin} is {text} in another spelling" for twin, text in twins.items())
    way = f"ingest holds the file. If they are two: perennial schema {name} --accept BATCH"
    return [f"classes   {told}: {way}"] if told else []


def _judge_numbers(target: ColumnStudy) -> TaskChoice:
    values = _whole(target)
    if not values or sum(target.levels.values()) < REPEATED * len(values):
        count = "many" if target.distinct is None else f"{target.distinct:,}"
        return TaskChoice("regression", f"{count} different numbers")
    shown = f"{len(values)} whole numbers, {values[0]} to {values[-1]}"
    if CLASS_WORDS & set(words_of(target.name)):
        return TaskChoice("multiclass", f"{shown}, and its name says classes", True)
    if len({high - low for low, high in itertools.pairwise(values)}) > 1:
        return _judge_gaps(target, values, shown)
    counts = target.levels.values()
    if values[0] == 0 and len(values) <= 10 and min(counts) >= EVEN * max(counts):
        return TaskChoice("multiclass", f"{shown}, about equally often, as codes of classes", True)
    return TaskChoice("regression", f"{shown} in even steps: a count or a rating", True)


def _judge_gaps(target: ColumnStudy, values: list[int], shown: str) -> TaskChoice:
    # A count has gaps only where it thins out, at its end; its small values are all there.
    start = list(values[: max(3, len(values) // 2)])
    dense = start == list(range(start[0], start[0] + len(start)))
    if dense and values[0] in (0, 1) and _thins_out(target, values):
        return TaskChoice("regression", f"{shown}, rarer towards the end: a count", True)
    return TaskChoice("multiclass", f"{shown} with gaps: codes without order", True)


def _thins_out(target: ColumnStudy, values: list[int]) -> bool:
    half = len(values) // 2
    counts = [target.levels[level] for level in sorted(target.levels, key=float)]
    return sum(counts[half:]) < sum(counts[:half])


def _whole(target: ColumnStudy) -> list[int]:
    """Return the column's values in order where they are few whole numbers, else none."""
    if target.distinct is None or target.distinct > FEW or len(target.levels) < target.distinct:
        return []
    try:
        values = sorted(float(level) for level in target.levels)
    except ValueError:  # a level as it is written in the file: 1.234,50
        return []
    return [int(value) for value in values] if all(value.is_integer() for value in values) else []


def words_of(name: str) -> list[str]:
    """Return the words of a column's name, in lower case.

    >>> words_of("customerID"), words_of("record_no"), words_of("IP address")
    (['customer', 'id'], ['record', 'no'], ['ip', 'address'])
    """
    apart = re.sub(r"(?<=[a-zäöü0-9])(?=[A-ZÄÖÜ])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", apart) if word]


def _listed(target: ColumnStudy) -> str:
    shown = ", ".join(list(target.levels)[:4])
    return f"{shown}, …" if (target.distinct or 5) > 4 else shown


def _unfit(target: ColumnStudy, came: str) -> ConfigurationError:
    rule = f"{target.name} is a quantity, or words that come again and again"
    return ConfigurationError("--target", rule, came, "Choose another column as the target.")
