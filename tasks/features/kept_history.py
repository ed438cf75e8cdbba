"""The known targets as they are kept beside the models, for serving to look up. Pure.

What is kept is derived from the curated table and the labels, and from nothing else: it may be
lost, and is made anew with the next batch, label or training. Signed, for it decides on answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tasks.documents import seal, unseal
from tasks.errors import IntegrityError
from tasks.features.history import HistoryPlan, Known, KnownOfGroup
from tasks.signatures import Keyring, canonical

REMEDY = "Move it away; the next batch, or `perennial train`, makes it anew."
SIGNATURE = "signature"


@dataclass(frozen=True)
class KeptHistory:
    """The known targets as serving looks them up: of what, since when, and of which tables."""

    plan: HistoryPlan
    known: Known
    written: datetime


def sign_history(name: str, keyring: Keyring, kept: KeptHistory, told: dict[str, Any]) -> bytes:
    """Return it as it is stored, with what it was derived from; JSON under a signature."""
    groups = {
        group: [group_known.since.tolist(), group_known.values.tolist(), group_known.cut]
        for group, group_known in kept.known.items()
    }
    content = {**told, "written": kept.written.isoformat(), "groups": groups}
    document = seal("history", content)
    signature = keyring.sign(_purpose(name), canonical(document))
    return canonical({**document, SIGNATURE: signature})


def read_history(name: str, keyring: Keyring, data: bytes, where: str) -> dict[str, Any]:
    """Return the content that `sign_history` stored, once its signature holds.

    Raises:
        IntegrityError: it is another document, or not signed by a key that is believed.
    """
    try:
        document = json.loads(data)
        signature = document.pop(SIGNATURE)
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError) as error:
        raise IntegrityError(where, "it is a signed history", "other bytes", REMEDY) from error
    if not keyring.holds(_purpose(name), canonical(document), signature):
        rule = f"it is as it was signed, by a key that is believed, for {name}"
        raise IntegrityError(where, rule, "another signature", REMEDY)
    return unseal("history", document, where, REMEDY)


def open_history(content: Mapping[str, Any], plan: HistoryPlan) -> KeptHistory | None:
    """Return what was kept, for a model of this plan; None where it is of another target or group.

    >>> plan = HistoryPlan("y", "at", lags=1)
    >>> told = {"of": say_what(plan), "written": "2024-01-01T00:00:00+00:00",
    ...         "groups": {"": [[1.0], [5.0], False]}}
    >>> open_history(told, plan).known[""].values.tolist()
    [5.0]
    """
    if content["of"] != say_what(plan):
        return None
    dtype = np.float64 if plan.numeric else object
    known = {
        group: KnownOfGroup(np.array(since, np.float64), np.array(values, dtype), cut)
        for group, (since, values, cut) in content["groups"].items()
    }
    return KeptHistory(plan, known, datetime.fromisoformat(content["written"]).astimezone(UTC))


def say_what(plan: HistoryPlan) -> dict[str, Any]:
    """Return what a kept history is of: the same for plans that look back by other steps."""
    return {
        "target": plan.target,
        "event_time": plan.event_time,
        "by": list(plan.by),
        "delay": plan.delay,
        "numeric": plan.numeric,
    }


def _purpose(name: str) -> str:
    return f"perennial history 1 of {name}"
