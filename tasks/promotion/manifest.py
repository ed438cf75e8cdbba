"""The signed manifest of a model version: what it is, and the digest of every file. Pure.

Canonical JSON (sorted keys, no spaces, NaN refused) under HMAC-SHA256 (RFC 2104). The document is
compared byte for byte with its canonical form, so one changed byte anywhere breaks it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from tasks.documents import DOCUMENTS, unseal
from tasks.errors import ConfigurationError, IntegrityError
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.lineage import Lineage
from tasks.records import plain, read

MODEL = "model.onnx"
PROFILE = "profile.bin"
ESTIMATOR = "estimator.json"
SIGNS = "signs.json"
PURPOSE = b"perennial manifest 1\n"  # what is signed, beside `format` within
REMEDY = "Do not serve it. Train again, or check PERENNIAL_SIGNING_KEY."


@dataclass(frozen=True)
class Manifest:
    """One model version.

    Attributes:
        files: name to SHA-256, filled in by `versions.publish`.
        schema: `FeatureSchema.to_dict()`.
        classes: the labels in the order of the probabilities; empty for regression.
        golden: at most 20 prepared rows with the exported model's answers.
        metrics: metric name to {"value", "low", "high"} on the holdout.
        baselines: naive prediction to its value of the deciding metric.
        data_version, window: the curated table's version, and {"start", "end"} as ISO text.
        run: the MLflow run id, or empty.
        training_key: digest of all that determines the training.
        lineage: what it came from: data, setting, code, seed …
        stored: file name to object name, only where they differ.
    """

    pipeline: str
    version: int
    schema: Mapping[str, Any]
    task: str
    classes: tuple[str | int | float | bool, ...]
    golden: Golden
    metrics: Mapping[str, Mapping[str, float | None]]
    data_version: int
    window: Mapping[str, str | None]
    run: str
    training_key: str
    verdict: Verdict
    created: datetime
    lineage: Lineage
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    format: int = DOCUMENTS["manifest"]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content; what the champion pointer is bound to."""
        return _sha256(_content(self))


def sign(manifest: Manifest, key: str) -> bytes:
    """Return the manifest as it is stored: its content and the signature over it.

    Raises:
        ConfigurationError: the signing key is empty.
        ValueError: a value is NaN or no JSON.
    """
    content = _content(manifest)
    return canonical({"manifest": json.loads(content), "signature": _signature(content, key)})


def verify(data: bytes, key: str, where: str = "manifest.json") -> Manifest:
    """Return the manifest of `data`, once its signature holds.

    Raises:
        IntegrityError: it is no manifest, was changed, or was signed with another key.
        ConfigurationError: the signing key is empty.
    """
    try:
        document = json.loads(data)
        content, signature = document["manifest"], document["signature"]
        whole = canonical(document) == data and set(document) == {"manifest", "signature"}
        body = canonical(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(where, "it is a signed manifest", "other bytes", REMEDY) from error
    if not hmac.compare_digest(str(signature).encode(), _signature(body, key).encode()):
        rule = "the signature is that of the content under the signing key"
        raise IntegrityError(where, rule, "another", REMEDY)
    if not whole:
        raise IntegrityError(where, "it holds the signed bytes and nothing else", "more", REMEDY)
    present = {**unseal("manifest", content, where), "format": DOCUMENTS["manifest"]}
    manifest = read(Manifest, present, where, "it is a manifest")
    # The digest is of what was signed: another release's form is in it, and not in the record.
    vars(manifest)["digest"] = _sha256(body)
    return manifest


def canonical(content: Any) -> bytes:
    """Return the one JSON text of a value.

    >>> canonical({"b": 1, "a": [0.5, None]})
    b'{"a":[0.5,null],"b":1}'
    """
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def _content(manifest: Manifest) -> bytes:
    return canonical(plain(manifest))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _signature(content: bytes, key: str) -> str:
    if not key:
        remedy = "Set PERENNIAL_SIGNING_KEY."
        raise ConfigurationError("signing key", "it is not empty", "nothing", remedy)
    return hmac.new(key.encode(), PURPOSE + content, hashlib.sha256).hexdigest()
