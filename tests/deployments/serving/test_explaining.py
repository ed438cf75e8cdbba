"""Explanations that take too long, that are too many, or that are not wanted."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from deployments.serving.explaining import Explaining
from deployments.serving.predicting import Part, Predicted
from deployments.serving.response import Response

MANIFEST = SimpleNamespace(pipeline="flights", version=1)


class Slow:
    """A model that takes half a second to say what its columns are."""

    manifest = MANIFEST

    @property
    def version(self) -> Any:
        time.sleep(0.5)  # the slowness itself: longer than both requests may take together
        raise AssertionError("nobody waits any more")


def asked() -> Predicted:
    served: Any = Slow()
    part = Part(served, "champion", [0], None, None)  # type: ignore[arg-type]
    current: Any = SimpleNamespace(served=served)
    return Predicted("predict", current, None, [part], ["a"])  # type: ignore[arg-type]


def test_one_that_takes_too_long_is_not_waited_for_and_no_more_than_allowed_wait() -> None:
    explaining = Explaining(lambda _: True, waiting=1, first_seconds=0.1)

    async def both() -> tuple[Any, Any]:
        first, second = await asyncio.gather(*(explaining.explained(asked()) for _ in range(2)))
        return first, second

    started = time.monotonic()
    late, many = asyncio.run(both())
    assert time.monotonic() - started < 0.4
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
