"""The text of a drafted pipeline file: every key, and what it may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tasks.config import FAMILIES, METRICS, Pipeline
from tasks.drafting.draft import Draft
from tasks.drafting.wishes import flow

HEAD = "# yaml-language-server: $schema=schema.json\n"
WIDTH = 31  # where comments begin, for values that leave the room
COMMENTS: Mapping[str, str] = {
    "task": "binary | multiclass | regression",
    "positive": "of two classes the one that chances, metrics and explanations are of",
    "event_time": "orders rows; null: they are exchangeable",
    "key": "identifies a row, for corrections and later labels",
    "source": "how the files are written, where it is not the plain form",
    "features.exclude": "never learned from: identifiers, running numbers",
    "features.transform": "module:function, DataFrame -> DataFrame, in training and serving",
    "features.history": "earlier targets as columns: {{lags: 3, mean: 7, by: [COLUMN]}}",
    "features.select": "none | auto: drops what does not help, on the folds",
    "features.text": "auto | none: columns of free text as their terms",
    "data.duplicates": "drop | refuse: rows that come twice in a batch",
    "data.updates": "refuse | newest | append: a known key with other content",
    "data.missing_target": "keep_for_later | drop | refuse",
    "data.max_batch_gib": "unpacked",
    "data.personal": "columns whose values are no features and appear nowhere",
    "data.suite": "the Great Expectations suite; null: found by name",
    "labels.revisions": "newest | first: a label that comes again",
    "training.window": "all, or how far back: 90d",
    "training.holdout": "the share of rows that a model is judged on, never learned from",
    "training.metric": "null: the first of {metrics}",
    "training.families": f"auto, or some of {', '.join(FAMILIES)}",
    "training.trials": "of tuning; untuned defaults are always candidates",
    "training.timeout": "of tuning",
    "training.sampler": "tpe | random | grid",
    "training.folds": "inside the training rows",
    "training.evidence": "auto | holdout | cross_validation",
    "training.refit": "fit the winner again on every row once the gate let it through",
    "gate.first": "strict | lenient: a first model need only beat the naive ones, the rest warns",
    "gate.min_gain": "over the champion, in the metric",
    "gate.min_rows": "to judge on",
    "gate.slices": "columns no value of which may get worse by more than max_slice_loss",
    "gate.latency_p99": "of one answer",
    "gate.approval": "auto | manual: a person promotes",
    "monitoring.labels": "with_batch | delayed: they come in files of their own",
    "monitoring.label_delay": "how late labels are by nature",
    "retraining.policy": "performance, drift, new_rows 20%, age 30d, any(…), all(…), …",
    "retraining.schedule": "a cron line in UTC; monthly, so that no model grows old unseen",
    "retraining.cooldown": "between two retrainings",
    "retraining.budget": "the most retrainings; a scheduled one asks both",
    "retraining.worth": "the least expected gain",
    "retraining.challengers": "of tuned, refitted, recent 90d, warm: the gate picks the best",
    "notifications.blocks": "Prefect blocks that are told, such as slack-webhook/ops",
    "serving.explain": "what each column added, with each answer that asks for it",
    "serving.log_predictions": "needed for live performance of labels that come later",
    "serving.challenger": "none | shadow | canary 10%: how one that awaits approval is tried",
}


def pipeline_text(made: Draft, pipeline: Pipeline, content: Mapping[str, Any]) -> str:
    """Return the YAML of a pipeline: what was decided, and every default with its choices.

    Args:
        made: for the grounds.
        pipeline: the checked file.
        content: what it says beyond the defaults.
    """
    grounds = {"task": made.task.ground, "event_time": made.time.ground}
    if made.positive is not None and pipeline.positive is not None:
        grounds["positive"] = made.positive.ground
    whole = pipeline.model_dump(mode="json")
    lines = []
    for key, value in whole.items():
        if key == "source":
            # Only what differs: a file in the plain form needs no section.
            if content.get("source"):
                lines += ["", f"source:  # {COMMENTS['source']}", *_block(content["source"], 2)]
        elif isinstance(value, dict):
            lines += ["", f"{key}:"]
            for inner, part in value.items():
                lines.append(_line(f"{key}.{inner}", part, "  ", pipeline, grounds))
        else:
            lines.append(_line(key, value, "", pipeline, grounds))
    for column, why in made.leaks.items():
        lines.append(f"# Suspected of giving the answer away: {_plain(column)}, {_plain(why)}.")
    return HEAD + "\n".join(lines) + "\n"


def _line(
    path: str, value: Any, indent: str, pipeline: Pipeline, grounds: Mapping[str, str]
) -> str:
    key = path.rpartition(".")[2]
    if path == "training.holdout":
        value = f"{value:.10g}" if value * 100 % 1 else f"{value:.0%}"
    # by the dumper: `on`, a key of ours, is a truth value where it stands without quotes
    text = f"{indent}{flow(key)}: {flow(value)}"
    said = COMMENTS.get(path, "").format(metrics=", ".join(METRICS[pipeline.task]))
    comment = "; ".join(part for part in (grounds.get(path), said) if part)
    return f"{text:<{WIDTH}} # {_plain(comment)}" if comment else text


def _block(content: Any, indent: int) -> list[str]:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10**9)
    return [" " * indent + line for line in text.splitlines()]


def _plain(text: str) -> str:
    # A column's name, or a value, must not end the comment it stands in.
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
