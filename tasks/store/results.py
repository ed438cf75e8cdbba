"""Results of finished steps, found again by a digest of all that went into them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.documents import seal, unseal
from tasks.errors import IntegrityError, NotFound, PreconditionFailed
from tasks.store.bucket import Bucket
from tasks.store.layout import result


@dataclass(frozen=True)
class Remembered:
    """What a step left: a JSON document, and files by name."""

    document: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


def remember(
    bucket: Bucket,
    key: str,
    step: str,
    document: dict[str, Any],
    files: Mapping[str, bytes] | None = None,
) -> Remembered:
    """Keep the result of `step` under `key`, and return it as it will be recalled.

    The envelope is written last, so a result is there whole or not at all. Where two write the
    same step at once, the first stays, and both are given it.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in (files or {}).items()}
    for name, data in (files or {}).items():
        bucket.put(_file(key, step, digests[name]), data)
    envelope, content = _envelope(key, step), _sealed(key, step, document, digests)
    try:
        bucket.put(envelope, content, if_absent=True, content_type="application/json")
    except PreconditionFailed:
        earlier = recall(bucket, key, step)
        if earlier is not None:
            return earlier
        bucket.put(envelope, content, content_type="application/json")
    return Remembered(json.loads(json.dumps(document)), dict(files or {}))


def recall(bucket: Bucket, key: str, step: str) -> Remembered | None:
    """Return what `step` left under `key`; None where anything of it is missing or damaged."""
    try:
        opened = _unsealed(key, step, bucket.get(_envelope(key, step)))
        if opened is None:
            return None
        document, digests = opened
        files = {name: bucket.get(_file(key, step, digest)) for name, digest in digests.items()}
    except (NotFound, IntegrityError):
        return None
    genuine = all(hashlib.sha256(files[name]).hexdigest() == digests[name] for name in digests)
    return Remembered(document, files) if genuine else None


def _envelope(key: str, step: str) -> str:
    return result(key, f"{step}/result.json")


def _file(key: str, step: str, digest: str) -> str:
    return result(key, f"{step}/{digest}")


def _sealed(key: str, step: str, document: dict[str, Any], digests: Mapping[str, str]) -> bytes:
    content = seal(
        "result", {"key": key, "step": step, "document": document, "files": dict(digests)}
    )
    return json.dumps({"content": content, "sha256": _digest(content)}).encode()


def _unsealed(key: str, step: str, data: bytes) -> tuple[dict[str, Any], dict[str, str]] | None:
    try:
        envelope = json.loads(data)
        content, digest = envelope["content"], envelope["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    if digest != _digest(content):
        return None
    content = unseal("result", content, _envelope(key, step))
    if (content["key"], content["step"]) != (key, step):
        return None
    return content["document"], content["files"]


def _digest(content: Any) -> str:
    # Read back first: what JSON changes, such as tuples, must not change the digest.
    read = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()
