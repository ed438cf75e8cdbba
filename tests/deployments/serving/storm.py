"""Promotion after promotion, while eight connections ask without end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests

from tasks.promotion.manifest import Manifest
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tests.load import Load, post, run_load
from tests.served import Fitted, put_in_service
from tests.servers import Serving

CONNECTIONS = 8
AFTERWARDS = 3.0


@dataclass(frozen=True)
class Storm:
    """What came of the load, and the most models one worker held after each promotion."""

    load: Load
    held: Sequence[float]


def request_of(made: Fitted, pipeline: str) -> bytes:
    """Return a request for one row of a pipeline."""
    return post(f"/v1/{pipeline}/predict", json.dumps({"rows": made.rows(1)}).encode())


def under_load(
    serving: Serving, request: bytes, seconds: float, act: Callable[[], None], pause: float = 0.004
) -> Load:
    """Do something while all connections ask without end; return what came of the asking."""
    acting = threading.Thread(target=act)
    acting.start()
    found = run_load(serving.port, request, connections=CONNECTIONS, seconds=seconds, pause=pause)
    acting.join()
    return found


def storm(
    serving: Serving,
    bucket: Bucket,
    keyring: Keyring,
    request: bytes,
    versions: Sequence[Manifest],
    seconds: float,
) -> Storm:
    """Promote all versions within so many seconds of load."""
    held: list[float] = []

    def promote() -> None:
        for manifest in versions:
            put_in_service(bucket, keyring, manifest)
            held.append(models_held(serving, manifest.pipeline))
            time.sleep(seconds / len(versions))  # the storm's own pace, and no wait for anything

    return Storm(under_load(serving, request, seconds + AFTERWARDS, promote), held)


def models_held(serving: Serving, pipeline: str) -> float:
    """Return the most models of one pipeline that one worker holds."""
    text = requests.get(f"http://127.0.0.1:{serving.metrics_port}/metrics", timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith("perennial_models_held{")]
    return max(float(line.rsplit(" ", 1)[1]) for line in lines if f'"{pipeline}"' in line)
