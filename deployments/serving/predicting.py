"""From the body of a request to its answer, without the socket."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from deployments.serving.response import SOON, Response, error, unfit
from deployments.serving.routes import Found
from tasks.serving import forms
from tasks.serving.following import Fleet, InService
from tasks.serving.forms import Asked, BadRequest
from tasks.serving.rows import Matrices, Unfit
from tasks.serving.served import Answer

READERS: Mapping[str, Callable[[bytes], Asked]] = {
    "predict": forms.asked,
    "invocations": forms.asked_by_mlflow,
    "infer": forms.asked_by_inference,
}


class Log(Protocol):
    """Where answers are kept; it neither fails nor waits."""

    def add(
        self,
        pipeline: str,
        version: int,
        role: str,
        at: float,
        ids: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        values: Sequence[Any],
        probabilities: Sequence[Sequence[float]] | None,
    ) -> None:
        """Keep the answer to one request."""


@dataclass(frozen=True)
class Limits:
    """What one request may hold."""

    body: int = 8 * 2**20
    rows: int = 10_000
    explained: int = 100


@dataclass(frozen=True)
class Predicted:
    """An answer that is to be written; `explanations` is one for each row, where asked for."""

    route: str
    current: InService
    asked: Asked
    rows: Matrices
    made: Answer
    ids: Sequence[str]

    def written(self, explanations: Sequence[Mapping[str, Any]] | None = None) -> Response:
        """Write the answer in the form of its route."""
        served = self.current.served
        if self.route == "invocations":
            body = forms.answer_to_mlflow(self.made, self.asked.probabilities)
        elif self.route == "infer":
            body = forms.answer_to_inference(served.manifest, self.asked.id, self.made)
        else:
            body = forms.answer(served.head, self.ids, self.made, served.labels, explanations)
        return Response(200, body)


@dataclass
class Predicting:
    """Answers requests for predictions with what is in service."""

    fleet: Fleet
    limits: Limits = field(default_factory=Limits)
    log: Log | None = None

    def __post_init__(self) -> None:
        self._prefix, self._count = os.urandom(8).hex(), itertools.count()

    def predict(self, found: Found, body: bytes) -> Predicted | Response:
        """Return the answer, or the refusal."""
        current = self.fleet[found.pipeline]
        if current is None:
            return without(self.fleet, found.pipeline)
        served = current.served
        wrong = other_version(current, found)
        if wrong is not None:
            return wrong
        try:
            asked = READERS[found.route.name](body)
            refusal = self._too_many(asked)
            if refusal is not None:
                return refusal
            rows = served.read(asked.rows)
        except BadRequest as bad:
            return error(400, str(bad))
        except Unfit as bad:
            return unfit(bad)
        made = served.answer(rows)
        ids = [f"{self._prefix}{next(self._count):08x}" for _ in asked.rows]
        if self.log is not None:
            version, at = served.manifest.version, time.time()
            kept = asked.rows, made.values, made.probabilities
            self.log.add(found.pipeline, version, "champion", at, ids, *kept)
        return Predicted(found.route.name, current, asked, rows, made, ids)

    def _too_many(self, asked: Asked) -> Response | None:
        most = self.limits.explained if asked.explain else self.limits.rows
        if len(asked.rows) <= most:
            return None
        what = "rows a request are explained" if asked.explain else "rows a request"
        why = f"at most {most} {what}; {len(asked.rows)} came. Send fewer, or score a file"
        return error(422, why)


def without(fleet: Fleet, pipeline: str) -> Response:
    """Say why nothing serves a pipeline."""
    follower = fleet.followers.get(pipeline)
    if follower is None and fleet.searched:
        return error(404, f"there is no pipeline {pipeline}; GET /v1 lists them")
    if follower is None:
        return error(503, "the store was not reached yet", SOON)
    why = f": {follower.refusal}" if follower.refusal else ""
    return error(503, f"{pipeline} has no champion in service yet{why}", SOON)


def other_version(current: InService, found: Found) -> Response | None:
    """Refuse an address that names another version than the one in service."""
    version = str(current.served.manifest.version)
    if found.version in ("", version):
        return None
    return error(404, f"version {found.version} is not in service; version {version} is")
