"""Explanations that take too long, that are too many, or that are not wanted."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from deployments.serving.explaining import Explaining
from deployments.serving.predicting import Part, Predicted
from deployments.serving.response import Response

MANIFEST = SimpleNamespace(pipeline="flights", version=1)


class Slow:
    """A model that says what its columns are only when the gate is opened."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self.gate = threading.Event()

    @property
    def version(self) -> Any:
        self.gate.wait(60)
        raise AssertionError("nobody waits any more")


def asked(served: Any = None) -> Predicted:
    served = served or Slow()
    part = Part(served, "champion", [0], None, None)  # type: ignore[arg-type]
    current: Any = SimpleNamespace(served=served)
    return Predicted("predict", current, None, [part], ["a"])  # type: ignore[arg-type]


def test_one_that_takes_too_long_is_not_waited_for_and_no_more_than_allowed_wait() -> None:
    explaining, slow = Explaining(lambda _: True, waiting=1, first_seconds=0.1), Slow()

    async def both() -> tuple[Any, Any]:
        first, second = await asyncio.gather(*(explaining.explained(asked(slow)) for _ in range(2)))
        return first, second

    late, many = asyncio.run(both())
    slow.gate.set()  # both were answered before
    assert isinstance(late, Response)
    assert isinstance(many, Response)
    assert (late.status, many.status) == (503, 503)
    assert b"not there after 0.1 s" in late.body
    assert b"1 requests wait" in many.body
    explaining.close()


def test_a_pipeline_may_say_that_it_explains_nothing() -> None:
    explaining = Explaining(lambda name: name != "flights")
    said = asyncio.run(explaining.explained(asked()))
    assert isinstance(said, Response)
    assert said.status == 422
    assert b"serving.explain" in said.body
