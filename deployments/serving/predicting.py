"""From the body of a request to its answer, without the socket."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from deployments.serving.response import SOON, Header, Response, error, unfit
from deployments.serving.routes import Found
from tasks.predictions.record import Record, Role
from tasks.serving import answers, forms
from tasks.serving.answers import OtherModel
from tasks.serving.fleet import Fleet
from tasks.serving.following import InService
from tasks.serving.forms import Asked, BadRequest
from tasks.serving.problems import Unfit
from tasks.serving.rows import RequestRows
from tasks.serving.served import Predictions, Served, ServedChallenger

READERS: Mapping[str, Callable[[bytes], Asked]] = {
    "predict": forms.read_request,
    "invocations": forms.read_mlflow,
    "infer": forms.read_inference,
}
Shadow = Callable[[ServedChallenger, Sequence[Mapping[str, Any]], Sequence[str], str], None]
# What one request may hold: bytes of its body, rows, and rows that are explained.
MOST_BYTES = 8 * 2**20
MOST_ROWS = 10_000
MOST_EXPLAINED = 100


class Part(NamedTuple):
    """The rows of a request, by their places, that one model answered."""

    served: Served
    role: Role
    places: Sequence[int]
    rows: RequestRows
    made: Predictions


class Predicted(NamedTuple):
    """An answer that is to be written: one part, or the champion's and a canary's.

    `explanations` are one for each row, where they are asked for.
    """

    route: str
    current: InService
    asked: Asked
    parts: Sequence[Part]
    ids: Sequence[str]

    def written(self, explanations: Sequence[Mapping[str, Any]] | None = None) -> Response:
        """Write the answer in the form of its route; more than one part, in the champion's name."""
        first, *more = self.parts
        served, made = first.served, merged(self.parts)
        if self.route == "predict":
            others = {
                place: OtherModel(part.served.head, part.rows.ignored)
                for part in more
                for place in part.places
            }
            labels, ignored = served.labels, first.rows.ignored
            return Response(
                200,
                answers.write_answer(
                    served.head, self.ids, made, labels, explanations, others, ignored
                ),
            )
        if self.route == "invocations":
            body = answers.write_mlflow(made, self.asked.probabilities)
        else:
            body = answers.write_inference(served.manifest, self.asked.id, made)
        return Response(200, body, self._told_in_headers())

    def _told_in_headers(self) -> tuple[Header, ...]:
        """Tell ignored fields where a form has no place for them, nor for a second model."""
        ignored = sorted({name for part in self.parts for name in part.rows.ignored})
        # a name may hold what a header may not
        told = quote(",".join(ignored), ",").encode()
        return ((b"x-ignored-fields", told),) if ignored else ()


def merged(parts: Sequence[Part]) -> Predictions:
    """Return the answers of all parts in the order of the request's rows."""
    if len(parts) == 1:
        return parts[0].made
    order = {place: (part.made, at) for part in parts for at, place in enumerate(part.places)}
    chosen = [order[place] for place in range(len(order))]
    values = [made.values[at] for made, at in chosen]
    if parts[0].made.probabilities is None:
        return Predictions(values, None)
    return Predictions(values, [(made.probabilities or ())[at] for made, at in chosen])


@dataclass
class Predicting:
    """Answers requests for predictions with what is in service.

    `log` keeps what was answered, if it `keeps` such answers; `shadow` lets a challenger answer
    rows that nobody waits for (under the ids of the champion's answers). None fails nor waits.
    """

    fleet: Fleet
    log: Callable[[str, Record], None]
    shadow: Shadow
    keeps: Callable[[Served, int], bool] = lambda *_: True

    def __post_init__(self) -> None:
        self._prefix, self._count = os.urandom(8).hex(), itertools.count()

    def predict(self, found: Found, body: bytes, sender: str = "") -> Predicted | Response:
        """Return the answer, or the refusal; `sender` is the name of the key it is asked with."""
        current = find_served(self.fleet, found)
        if isinstance(current, Response):
            return current
        try:
            asked = READERS[found.route.name](body)
            refusal = self._too_many(asked)
            if refusal is not None:
                return refusal
            rows = current.served.read(asked.rows)
        except BadRequest as bad:
            return error(400, str(bad))
        except Unfit as bad:
            return unfit(bad)
        ids = [f"{self._prefix}{next(self._count):08x}" for _ in asked.rows]
        if current.challenger is None or found.version:
            made = current.served.answer(rows)
            parts = [Part(current.served, "champion", range(len(ids)), rows, made)]
        else:
            both = current.served, current.challenger
            parts = self._with_challenger(*both, asked, rows, ids, sender)
        self._keep(found.pipeline, parts, asked, ids, sender)
        return Predicted(found.route.name, current, asked, parts, ids)

    def _with_challenger(
        self,
        champion: Served,
        challenger: ServedChallenger,
        asked: Asked,
        rows: RequestRows,
        ids: Sequence[str],
        sender: str,
    ) -> list[Part]:
        """Let a canary answer its rows; what it fails to answer, the champion answers."""
        if not challenger.trial.share:
            self.shadow(challenger, asked.rows, ids, sender)
        parts, places = [], challenger.pick(asked.rows)
        if places:
            try:
                own = challenger.served.read([asked.rows[place] for place in places])
                made = challenger.served.answer(own)
                parts.append(Part(challenger.served, "canary", places, own, made))
                challenger.count(len(places), sender)
            except Exception as failure:  # the champion can: no request fails for a trial
                challenger.count(len(places), sender, failure)
                places = []
        if parts and len(places) == len(ids):
            return parts
        taken = set(places)
        left = [place for place in range(len(ids)) if place not in taken]
        kept = rows if not places else rows.pick(left)
        return [Part(champion, "champion", left, kept, champion.answer(kept)), *parts]

    def _keep(
        self,
        pipeline: str,
        parts: Sequence[Part],
        asked: Asked,
        ids: Sequence[str],
        sender: str,
    ) -> None:
        at = time.time()
        for part in parts:
            if not self.keeps(part.served, len(part.places)):
                continue
            # one part holds every row, so nothing need be picked out
            whole, version = len(parts) == 1, part.served.manifest.version
            names = ids if whole else [ids[place] for place in part.places]
            rows = asked.rows if whole else [asked.rows[place] for place in part.places]
            told = part.served.loggable(rows)
            self.log(pipeline, Record(version, part.role, at, names, told, *part.made, sender))

    def _too_many(self, asked: Asked) -> Response | None:
        most = MOST_EXPLAINED if asked.explain else MOST_ROWS
        if len(asked.rows) <= most:
            return None
        what = "rows a request are explained" if asked.explain else "rows a request"
        why = f"at most {most} {what}; {len(asked.rows)} came. Send fewer, or score a file"
        return error(422, why)


def find_served(fleet: Fleet, found: Found) -> InService | Response:
    """Return what serves the pipeline and version of an address, or say why nothing does."""
    name, current = found.pipeline, fleet[found.pipeline]
    if current is None and name in fleet.followers:
        refusal = fleet.followers[name].champion.refusal
        why = f": {refusal}" if refusal else ""
        return error(503, f"{name} has no champion in service yet{why}", SOON)
    if current is None and fleet.searched:
        return error(404, f"there is no pipeline {name}; GET /v1 lists them")
    if current is None:
        return error(503, "the store was not reached yet", SOON)
    version = current.served.manifest.version
    if found.version and found.version != str(version):
        return error(404, f"version {found.version} is not in service; version {version} is")
    return current
