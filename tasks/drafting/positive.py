"""Which of two classes chances and explanations are of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import Any

from tasks.drafting.wishes import flow
from tasks.readers.column import WORDS
from tasks.readers.kinds import NUMERIC
from tasks.readers.options import Reading
from tasks.readers.study import ColumnStudy

# Pairs of which the first is what happened, was there, or is as it should be.
PAIRS = (
    *WORDS,
    *(("1", "0"), ("1", "-1"), ("positive", "negative"), ("pos", "neg"), ("good", "bad")),
    *(("success", "failure"), ("pass", "fail"), ("present", "absent"), ("wahr", "falsch")),
    *(("vrai", "faux"), ("sim", "não"), ("sì", "no"), ("tak", "nie"), ("да", "нет")),
)
YES = frozenset(yes.casefold() for yes, _ in PAIRS)
NO = frozenset(no.casefold() for _, no in PAIRS)


@dataclass(frozen=True)
class Positive:
    """The positive class as the pipeline file writes it, and why it is this one."""

    label: Any
    ground: str


def choose_positive(target: ColumnStudy) -> Positive | None:
    """Return the class that means yes, else the rarer; None where nothing tells two apart."""
    if target.kind == "boolean":
        return Positive(True, "it means yes")
    counts = _counts(target)
    if len(counts) != 2:
        return None
    (first, many), (second, few) = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    means = [(_is_yes(label, other), label) for label, other in ((first, second), (second, first))]
    told = [label for yes, label in means if yes]
    if len(told) == 1:
        return Positive(_value(told[0], target), "it means yes")
    if many == few:
        # as without the key: the later in order
        return Positive(_value(max(first, second), target), "both come equally often")
    return Positive(_value(second, target), f"the rarer, in {few:,} of {many + few:,} rows")


def say_positive(positive: Positive | None, target: ColumnStudy) -> list[str]:
    """Return the line that says it, and how to make it the other one."""
    if positive is None:
        return []
    shown = flow(positive.label)
    other = next(label for label in label_words(target) if label != positive.label)
    setting = quote(f"positive={flow(other)}")
    head = f"positive  {shown}: {positive.ground}; chances and explanations are of it."
    return [f"{head} Otherwise: --set {setting}"]


def label_words(target: ColumnStudy) -> list[Any]:
    """Return the labels of a target of two classes, as they are stored."""
    return [True, False] if target.kind == "boolean" else _values(target)


def _is_yes(label: str, other: str) -> bool:
    label, other = label.casefold(), other.casefold()
    # 1 beside 2 is a number like the other
    if label == "1":
        return other in NO
    return label in YES or (other in NO - {"0", "-1"} and label not in NO)


def _counts(target: ColumnStudy) -> dict[str, int]:
    reading = target.reading or Reading()
    counts: dict[str, int] = {}
    for level, rows in target.levels.items():
        label = level.strip(f"{reading.strip} ") if reading.strip else level
        if target.kind in NUMERIC:
            label = label.removesuffix(".0")
        counts[label] = counts.get(label, 0) + rows
    return counts


def _values(target: ColumnStudy) -> list[Any]:
    return [_value(label, target) for label in _counts(target)]


def _value(label: str, target: ColumnStudy) -> Any:
    if target.kind not in NUMERIC:
        return label
    try:
        number = float(label)
    except ValueError:  # as it is written in the file: 1,5
        return label
    return int(number) if number.is_integer() else number
