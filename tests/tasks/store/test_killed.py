"""What the store said it has, it has, also after a SIGKILL."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from deployments.local.processes import holders
from tasks.errors import NotFound, StoreError
from tasks.store.s3 import S3Bucket
from tests.servers import poll, running_s3


def answers(bucket: S3Bucket) -> bool:
    try:
        bucket.get("acked/0")
    # lost is lost, however long one waits
    except NotFound:
        raise
    except StoreError:
        return False
    return True


@pytest.mark.system
def test_of_two_hundred_objects_none_is_lost_when_it_is_killed(short_home: Path) -> None:
    draw = random.Random(3)
    bodies = {f"acked/{number}": draw.randbytes(draw.randrange(20_000)) for number in range(200)}
    with running_s3(short_home / "killed") as server:
        bucket = S3Bucket(server.settings)
        for key, body in bodies.items():
            bucket.put(key, body)
        (holder,) = holders([server.ports.s3])
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
    with running_s3(short_home / "killed", again=server):
        # it takes objects before it has read again what it has
        poll(lambda: answers(bucket), 60, "the volumes")
        assert {key for key, body in bodies.items() if bucket.get(key) != body} == set()
