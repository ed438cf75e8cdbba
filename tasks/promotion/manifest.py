"""The signed manifest of a model version: what it is, and the digest of every file. Pure.

Canonical JSON (sorted keys, no spaces, NaN refused) under HMAC-SHA256 (RFC 2104). The document is
compared byte for byte with its canonical form, so one changed byte anywhere breaks it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from tasks.errors import ConfigurationError, IntegrityError
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden

FORMAT = 1
MODEL = "model.onnx"
PROFILE = "profile.bin"
ESTIMATOR = "estimator.json"
SIGNS = "signs.json"
PURPOSE = b"perennial manifest 1\n"
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
        lineage: what else to keep (family, parameters, seed, code and lock digests, batches …).
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
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content; what the champion pointer is bound to."""
        return hashlib.sha256(canonical(self.to_dict())).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; values of JSON only."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        return content | {
            "format": FORMAT,
            "classes": list(self.classes),
            "golden": self.golden.to_dict(),
            "verdict": self.verdict.to_dict(),
            "created": self.created.isoformat(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Manifest:
        """Read what `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is another format.
        """
        values = dict(content)
        came = values.pop("format")
        if came != FORMAT:
            raise ValueError(f"format {came!r}")
        return cls(
            **values
            | {
                "classes": tuple(values["classes"]),
                "golden": Golden.from_dict(values["golden"]),
                "verdict": Verdict.from_dict(values["verdict"]),
                "created": datetime.fromisoformat(values["created"]),
            }
        )


def sign(manifest: Manifest, key: str) -> bytes:
    """Return the manifest as it is stored: its content and the signature over it.

    Raises:
        ConfigurationError: the signing key is empty.
        ValueError: a value is NaN or no JSON.
    """
    content = canonical(manifest.to_dict())
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
    try:
        return Manifest.from_dict(content)
    except (ValueError, KeyError, TypeError) as error:
        rule = f"it is a manifest of format {FORMAT}"
        raise IntegrityError(where, rule, error, "Use the release that wrote it.") from error


def canonical(content: Any) -> bytes:
    """Return the one JSON text of a value.

    >>> canonical({"b": 1, "a": [0.5, None]})
    b'{"a":[0.5,null],"b":1}'
    """
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def _signature(content: bytes, key: str) -> str:
    if not key:
        remedy = "Set PERENNIAL_SIGNING_KEY."
        raise ConfigurationError("signing key", "it is not empty", "nothing", remedy)
    return hmac.new(key.encode(), PURPOSE + content, hashlib.sha256).hexdigest()
