"""The ledger told as a story: what came, what was decided and why, what it cost and bought. Pure.

One chapter a batch: its decision, and the training and promotion that followed from it. What a
person did, and what was refused, are chapters of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tasks.ledger.entry import KINDS, PROMOTION_ENDS, Entry
from tasks.letters import show_line
from tasks.policy.reading import count_text


@dataclass(frozen=True)
class Chapter:
    """One event with what followed from it; `at` is when it was recorded, in UTC."""

    at: datetime
    title: str
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        at = self.at.isoformat(timespec="seconds")
        return {"at": at, "title": self.title, "sentences": list(self.sentences)}


def story(entries: Sequence[Entry], *, timed: bool = True) -> tuple[Chapter, ...]:
    """Return the chapters, oldest first; rows that are not `timed` have none but their arrival."""
    ends = (entry for entry in entries if entry.kind in ("verdict", "answer"))
    answers = {entry.figures.get("decision"): entry for entry in ends}
    told: set[str] = set()
    chapters = []
    for entry in entries:
        if entry.kind == "decision":
            answer = answers.get(entry.id) if entry.figures["decision"]["retrain"] else None
            promotion = _promotion_after(answer, entries)
            told |= {follows.id for follows in (answer, promotion) if follows is not None}
            chapters.append(_batch(entry, answer, promotion, timed=timed))
    alone = (entry for entry in entries if entry.kind != "decision" and entry.id not in told)
    every = sorted([*chapters, *map(_alone, alone)], key=lambda chapter: chapter.at)
    return tuple(map(_shown, every))


def _shown(chapter: Chapter) -> Chapter:
    # a file's name comes from outside: with ends of lines in it, it would tell chapters of its own
    sentences = tuple(map(show_line, chapter.sentences))
    return replace(chapter, title=show_line(chapter.title), sentences=sentences)


def _promotion_after(answer: Entry | None, entries: Iterable[Entry]) -> Entry | None:
    if answer is None or answer.kind != "verdict" or answer.figures.get("next") != "promote":
        return None
    # after its verdict: a version may have been promoted before, and rolled back
    after = (entry for entry in entries if entry.kind in PROMOTION_ENDS and entry.at >= answer.at)
    return next((entry for entry in after if entry.version == answer.version), None)


def _batch(entry: Entry, answer: Entry | None, promotion: Entry | None, *, timed: bool) -> Chapter:
    seen = entry.figures.get("observation")
    name = str(entry.figures.get("object", "")).rpartition("/")[2] or "a batch"
    span = "" if not seen else f", {_span(seen, timed=timed)}"
    sentences = [f"{count_text(entry.figures.get('rows', 0), 'row', 'rows')} came in."]
    if seen:
        sentences += _seen(seen)
    sentences.append(entry.summary)
    if answer is not None:
        sentences += _training(answer)
    if promotion is not None:
        sentences.append(_promoted(promotion))
    return Chapter(entry.at, f"{name}{span}", tuple(sentences))


def _seen(seen: Mapping[str, Any]) -> list[str]:
    told = []
    live, estimated, drift = seen["live"], seen["estimated"], seen["drift"]
    if live is not None:
        beside = "" if estimated is None else f" (estimated beforehand: {_figure(estimated)})"
        told.append(
            f"Version {seen['version']} reached {live['metric']} {_figure(live)} on them, "
            f"{_labelled(live):.0%} labelled{beside}."
        )
    elif estimated is not None:
        told.append(
            f"No labels yet; version {seen['version']} is estimated at {estimated['metric']} "
            f"{_figure(estimated)}."
        )
    if drift is not None and drift["share"] > 0:
        told.append(str(drift["summary"]))
    return [*told, *seen["suspicions"], *seen["warnings"]]


def _training(answer: Entry) -> list[str]:
    # an answer without a verdict, such as a failure, has neither cost nor gain
    cost, gain = answer.figures.get("cost"), answer.figures.get("gain")
    told = [_sentence(answer.summary)]
    if cost and answer.kind == "verdict":
        bought = "" if gain is None else f" and {say_gain(answer.figures)}"
        told.append(f"It cost {cost['cpu_seconds']:.0f} CPU-seconds{bought}.")
    return told


def say_gain(figures: Mapping[str, Any]) -> str:
    """Say what a training gained, of the figures `gain`, `metric` and `refitted`.

    What was fitted again on the newer rows shows the setting beside the champion's, and nothing of
    what these rows brought.

    >>> say_gain({"gain": 0.0, "metric": "log_loss", "refitted": True})
    "gained +0.0000 log_loss over the champion's setting, fitted again on the same rows"
    """
    amount = f"{figures['gain']:+.4f} {figures['metric']}"
    if not figures.get("refitted"):
        return f"bought {amount}"
    return f"gained {amount} over the champion's setting, fitted again on the same rows"


def _promoted(promotion: Entry) -> str:
    if promotion.kind != "promotion":
        return _sentence(promotion.summary)
    replaced = promotion.figures.get("replaced")
    instead = "" if replaced is None else f", instead of version {replaced}"
    return f"It serves since {promotion.at:%H:%M} UTC{instead}."


def _alone(entry: Entry) -> Chapter:
    if entry.kind == "quarantine":
        name = str(entry.figures.get("object", "")).rpartition("/")[2]
        reasons = "; ".join(entry.figures.get("reasons", ()))
        what = "label" if entry.figures.get("what") == "labels" else "row"
        sentences = (f"The file went into quarantine, and no model saw a {what} of it.", reasons)
        return Chapter(entry.at, name, tuple(filter(None, sentences)))
    title = KINDS.get(entry.kind, entry.kind)  # a newer release's kind is its own title
    told = _sentence(entry.summary)
    name = str(entry.figures.get("object", "")).rpartition("/")[2]
    if name and entry.summary.startswith(name):  # a file is called as it is written
        told = name + told[len(name) :]
    return Chapter(entry.at, title, (f"{told} By {entry.by}.",))


def _figure(figure: Mapping[str, Any]) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return "unknown"
    bounds = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{value:.3f}{bounds}"


def _labelled(live: Mapping[str, Any]) -> float:
    # a class that the model does not know is a label as well; an older release counted none
    unknown = live.get("unknown", 0)
    share: float = live["coverage"] + (unknown / live["rows"] if unknown else 0)
    return share


def _span(seen: Mapping[str, Any], *, timed: bool) -> str:
    first, last = _day(seen["first"]), _day(seen["last"])
    span = first if first == last else f"{first} to {last}"
    return span if timed else f"arrived {span}"


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%-d %B %Y}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
