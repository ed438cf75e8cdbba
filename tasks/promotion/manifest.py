"""The signed manifest of a model version: what it is, and the digest of every file. Pure.

Canonical JSON (sorted keys, no spaces, NaN refused) under HMAC-SHA256 (RFC 2104). The document is
compared byte for byte with its canonical form, so one changed byte anywhere breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from tasks.data.reference import DatasetRef
from tasks.documents import DOCUMENTS, unseal
from tasks.errors import IntegrityError
from tasks.features.request import RequestSchema
from tasks.models.setting import Setting
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.records import plain, read
from tasks.signatures import Keyring, canonical, sha256

MODEL = "model.onnx"
PROFILE = "profile.bin"
ESTIMATOR = "estimator.json"
SIGNS = "signs.json"
# A signature for something else under the same key must not pass for a manifest's.
PURPOSE = "perennial manifest 1"
REMEDY = "Do not serve it. Train again, or check PERENNIAL_SIGNING_KEY."


@dataclass(frozen=True)
class Lineage:
    """What a version came from: all that its training was pinned to, and what came of it.

    Attributes:
        rows: how many rows the published model was fitted on, those before a warm start included.
        fitted_until: the last event time among them, ISO 8601 to the microsecond.
        metric, holdout, holdout_rows: what decided, on which span and how many rows.
        evidence: how these rows were held out (`tasks.evaluation.evaluate`).
        importances: prepared column to its share, summing up to one.
        naive: what naive predictions need of the training labels (see `naive_figures`).
        challenger, challengers, why: which one it was, of those that were planned, and the reason.
        cost: what the run took (`tasks.metering`).
        data, labels: the pinned versions of rows and of labels that came later.
        transform: the user's function, `module:function`; None without one.
        request: what a request may hold; None where the version cannot be served.
        without: batches and files of labels that were held back from it as suspicious.
        log_predictions: whether its answers may be kept where there is no pipeline file; None in
            manifests that do not say it.
    """

    setting: Setting
    rows: int
    fitted_until: str
    metric: str
    holdout: tuple[str | None, ...]
    holdout_rows: int
    importances: Mapping[str, float]
    naive: Mapping[str, Any]
    challenger: str
    challengers: tuple[str, ...]
    why: str
    cost: Mapping[str, float]
    data: DatasetRef
    configuration: str
    code: str
    lock: str
    seed: int
    labels: int | None = None
    transform: str | None = None
    request: RequestSchema | None = None
    without: tuple[str, ...] = ()
    evidence: str = "latest rows"
    log_predictions: bool | None = None

    @property
    def ordered(self) -> bool:
        """Whether its rows had an event time: else its times are arrivals."""
        return "last" in self.naive

    def seen_until(self, *, ordered: bool) -> np.datetime64:
        """Return the last time it was fitted on, for rows that have an event time or have none.

        NaT where its own were the other kind: one clock says nothing of the other, and no row is
        later than NaT, so that none passes for one that it has not seen.
        """
        return np.datetime64(self.fitted_until if ordered == self.ordered else "NaT")


@dataclass(frozen=True)
class Manifest:
    """One model version.

    Attributes:
        schema: `FeatureSchema.to_dict()`.
        classes: the labels in the order of the probabilities; empty for regression.
        metrics: metric name to {"value", "low", "high"} on the holdout.
        data_version, window: the curated table's version, and {"start", "end"} as ISO text.
        run: the MLflow run id, or empty.
        training_key: digest of all that determines the training.
        baselines: naive prediction to its value of the deciding metric.
        files: name to SHA-256, filled in by `versions.publish`.
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
        return sha256(canonical(plain(self)))


def sign(manifest: Manifest, keyring: Keyring) -> bytes:
    """Return the manifest as it is stored: its content and the signature over it.

    Raises:
        ConfigurationError: the signing key is empty.
        ValueError: a value is NaN or no JSON.
    """
    content = plain(manifest)
    signature = keyring.sign(PURPOSE, canonical(content))
    return canonical({"manifest": content, "signature": signature})


def sign_again(data: bytes, keyring: Keyring, where: str) -> bytes | None:
    """Return a manifest signed with the key that signs now; None where it is already.

    Its content stays, with what another release had in it, and so does its digest.

    Raises:
        IntegrityError: as `verify`.
    """
    verify(data, keyring, where)
    document = json.loads(data)
    if keyring.is_current(document["signature"]):
        return None
    signature = keyring.sign(PURPOSE, canonical(document["manifest"]))
    return canonical({**document, "signature": signature})


def verify(data: bytes, keyring: Keyring, where: str = "manifest.json") -> Manifest:
    """Return the manifest of `data`, once its signature holds.

    Raises:
        IntegrityError: it is no manifest, was changed, or was signed with another key.
    """
    # bytes that are no manifest may nest so deeply that the parser gives up
    try:
        document = json.loads(data)
        content, signature = document["manifest"], document["signature"]
        whole = canonical(document) == data and set(document) == {"manifest", "signature"}
        body = canonical(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(where, "it is a signed manifest", "other bytes", REMEDY) from error
    # before anything of the content is believed
    if not keyring.holds(PURPOSE, body, signature):
        rule = "the signature is that of the content under the signing key"
        raise IntegrityError(where, rule, "another", REMEDY)
    if not whole:
        raise IntegrityError(where, "it holds the signed bytes and nothing else", "more", REMEDY)
    present = {**unseal("manifest", content, where), "format": DOCUMENTS["manifest"]}
    manifest = read(Manifest, present, where, "it is a manifest")
    # the digest is of what was signed: another release's form is in it, and not in the record
    vars(manifest)["digest"] = sha256(body)
    return manifest
