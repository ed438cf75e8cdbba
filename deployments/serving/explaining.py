"""Explanations beside the predictions: a thread of their own, a limit, and an end to waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from deployments.serving.predicting import Part, Predicted
from deployments.serving.response import SOON, Response, error
from tasks.errors import ConfigurationError, IntegrityError
from tasks.features.schema import prepared_columns
from tasks.serving.rows import RequestRows
from tasks.serving.served import Served

if TYPE_CHECKING:
    from tasks.explanation.explainer import Explainer

# Requests, and seconds that each waits at most: longer while the libraries are loaded.
WAITING = 16
SECONDS = 10.0
FIRST_SECONDS = 60.0
# By the model in service, so that an explainer goes when its model does.
EXPLAINERS: WeakKeyDictionary[Served, Explainer] = WeakKeyDictionary()


class Explaining:
    """Explains answers one after the other, away from the requests that only want a prediction.

    `wanted` tells whether a pipeline's file allows it.
    """

    def __init__(
        self,
        wanted: Callable[[str], bool],
        waiting: int = WAITING,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self._wanted, self._waiting = wanted, waiting
        self._seconds = first_seconds
        # one thread: explaining holds the interpreter, and the requests beside it wait
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="explanations")
        self._under_way = 0
        self._lock = threading.Lock()

    async def explained(self, predicted: Predicted) -> list[dict[str, Any]] | Response:
        """Return an explanation for each row, or why there is none."""
        name = predicted.current.served.manifest.pipeline
        if not self._wanted(name):
            return error(422, f"the pipeline file of {name} says `serving.explain: false`")
        with self._lock:
            if self._under_way >= self._waiting:
                return error(503, f"{self._waiting} requests wait for explanations already", SOON)
            self._under_way += 1
        work = self._pool.submit(explained_parts, predicted.parts)
        # when the work ends, not when the wait does: what nobody waits for any more goes on
        work.add_done_callback(lambda _: self._ended())
        seconds = self._seconds
        try:
            told = await asyncio.wait_for(asyncio.wrap_future(work), seconds)
            # the first explanation loaded the libraries
            self._seconds = SECONDS
            return told
        except TimeoutError:
            why = f"the explanation was not there after {seconds:g} s; predictions are"
            return error(503, f"{why}, without `explain`", SOON)
        except (ConfigurationError, IntegrityError) as problem:
            return error(422, f"version {predicted.current.served.manifest.version}: {problem}")

    def close(self) -> None:
        """Begin nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self) -> None:
        with self._lock:
            self._under_way -= 1


def explained_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Explain each row by the model that answered it, in the order of the request.

    Raises:
        IntegrityError: a file that explaining needs is not what it should be, or is lacking.
    """
    explained = {
        place: told
        for part in parts
        for place, told in zip(part.places, _explain(part.served, part.rows), strict=True)
    }
    return [explained[place] for place in range(len(explained))]


def _explain(served: Served, rows: RequestRows) -> list[dict[str, Any]]:
    from tasks.explanation.explainer import Explainer

    columns = prepared_columns(served.version.schema)
    prepared: dict[str, Any] = {
        name: np.array([row[place] for row in rows.numbers], dtype=np.float32)
        for place, name in enumerate(columns.numbers)
    }
    prepared |= {
        name: pd.Series([row[place] for row in rows.texts], dtype="str")
        for place, name in enumerate(columns.written)
    }
    explainer = EXPLAINERS.get(served)
    if explainer is None:
        explainer = EXPLAINERS[served] = Explainer(served.version)
    return [told.to_dict() for told in explainer.explain(pd.DataFrame(prepared))]
