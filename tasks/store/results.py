"""Results of finished steps, found again by a digest of all that went into them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.documents import seal, unseal
from tasks.errors import IntegrityError, NotFound, PreconditionFailed
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.layout import result

PURPOSE = "perennial result 1"


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
    *,
    keyring: Keyring,
) -> Remembered:
    """Keep the result of `step` under `key`, signed, and return it as it will be recalled.

    Where two write the same step at once, the first stays, and both are given it.
    """
    files = dict(files or {})
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    # The envelope comes last, so a result is there whole or not at all.
    for name, data in files.items():
        bucket.put(result(key, f"{step}/{digests[name]}"), data)
    content = {"key": key, "step": step, "document": document, "files": digests}
    content = seal("result", content)
    signature = keyring.sign(PURPOSE, _signed(content))
    envelope = json.dumps({"content": content, "signature": signature}).encode()
    where = _envelope(key, step)
    try:
        bucket.put(where, envelope, if_absent=True, content_type="application/json")
    except PreconditionFailed:
        earlier = recall(bucket, key, step, keyring=keyring)
        if earlier is not None:
            return earlier
        # What lies there is damaged, unsigned, or of a release that this one cannot read.
        bucket.put(where, envelope, content_type="application/json")
    return Remembered(json.loads(json.dumps(document)), files)


def recall(bucket: Bucket, key: str, step: str, *, keyring: Keyring) -> Remembered | None:
    """Return what `step` left under `key`; None where it is missing, damaged or unsigned.

    A model is published of what is recalled: who could write one could write its verdict.
    """
    where = _envelope(key, step)
    try:
        envelope = json.loads(bucket.get(where))
        body = _signed(envelope["content"])
        if not keyring.holds(PURPOSE, body, envelope["signature"]):
            return None
        content = unseal("result", envelope["content"], where)
        digests = content["files"]
        files = {name: bucket.get(result(key, f"{step}/{digests[name]}")) for name in digests}
    except (NotFound, IntegrityError, ValueError, KeyError, TypeError):
        return None
    genuine = all(hashlib.sha256(files[name]).hexdigest() == digests[name] for name in digests)
    # A copy of another step's envelope is whole, and still not this step's result.
    asked = (content["key"], content["step"]) == (key, step)
    return Remembered(content["document"], files) if genuine and asked else None


def _envelope(key: str, step: str) -> str:
    return result(key, f"{step}/result.json")


def _signed(content: Any) -> bytes:
    # read back first: what JSON changes, such as tuples, must not change what is signed
    return json.dumps(json.loads(json.dumps(content)), sort_keys=True).encode()
