"""What the tests of several collectors ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tasks.collection.api import Api, serving


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as served:
        yield served
