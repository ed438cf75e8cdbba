"""Model versions in the bucket: published once per training, checked whenever loaded.

A version is claimed, then its files are written, its signed manifest last. No object is ever
overwritten, and without a manifest there is no version. So a process may die between any two
writes, and several may race: the first manifest stands, and it names bytes that cannot change.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from tasks.errors import (
    ConfigurationError,
    DataError,
    IntegrityError,
    NotFound,
    PreconditionFailed,
    Refused,
)
from tasks.faults import external_write
from tasks.promotion import pointer
from tasks.promotion.claims import claimed, kept, numbers
from tasks.promotion.golden import agrees
from tasks.promotion.manifest import MODEL, REMEDY, Manifest, sign, verify
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.pointer import Champion
from tasks.signatures import sha256
from tasks.workspace import Place

Files = Mapping[str, bytes]
Build = Callable[[int], tuple[Manifest, Files]]
Damaged = Callable[[int, IntegrityError], None]


def checked_version(value: int | str) -> int:
    """Return a model version that a person gave; raise ConfigurationError where it is none."""
    # it becomes part of keys: no "../", no digits of other scripts, and no True for 1
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,9}", text, re.ASCII):
        rule, remedy = "it is a whole number from 1 up", "List them with `perennial models`."
        raise ConfigurationError("model version", rule, repr(text[:50]), remedy)
    return int(text)


def publish(place: Place, key: str, build: Build) -> int:
    """Publish the model of one training and return its version; the same key, the same version.

    `build` takes the version and returns the manifest and the files by name (`model.onnx` is
    needed); it is called only where the version is not published yet. `files` and `stored` of
    the manifest are filled in here.

    Raises:
        IntegrityError: the manifest is for something else, or the model does not give the
            golden answers; nothing is published then.
        ConfigurationError: the signing key is empty.
    """
    version = claimed(place, key)
    with suppress(NotFound):
        return manifest_of(place, version).version
    manifest, files = build(version)
    where = place.layout.manifest(version)
    _check_place(manifest, place.name, version, where)
    if manifest.training_key != key:
        raise IntegrityError(where, f"the training key is {key}", manifest.training_key)
    digests = {name: sha256(data) for name, data in files.items()}
    manifest = replace(manifest, files=digests, stored={})
    # what could not be signed is refused before a file of it is written
    sign(manifest, place.keyring)
    check_answers(ModelVersion(manifest, files), where)
    with external_write("train.model"):
        stored = {name: kept(place, version, name, data) for name, data in files.items()}
    manifest = replace(manifest, stored={n: at for n, at in stored.items() if n != at})
    # another process was first: its manifest stands, and is as good, being of the same training
    with external_write("train.manifest"), suppress(PreconditionFailed):
        signed = sign(manifest, place.keyring)
        place.bucket.put(where, signed, if_absent=True, content_type="application/json")
    return manifest_of(place, version).version


def load(place: Place, version: int, digest: str | None = None) -> ModelVersion:
    """Load a version, every check made.

    In order: the signature; that it is this pipeline's and this version's; with `digest` (the
    champion pointer's), that it is the very manifest that was promoted; the SHA-256 of every
    file; the golden rows, answered by ONNX Runtime within 1e-5 relative and absolute.

    Raises:
        NotFound: the version is not published.
        IntegrityError: a check failed; it says which, and for which object.
    """
    manifest = manifest_of(place, version)
    where = place.layout.manifest(version)
    if digest is not None and not hmac.compare_digest(manifest.digest, digest):
        rule = f"its digest is {digest[:12]}…, as the champion pointer says"
        raise IntegrityError(where, rule, f"{manifest.digest[:12]}…", REMEDY)
    made = ModelVersion(manifest, {name: _file(place, manifest, name) for name in manifest.files})
    check_answers(made, where)
    return made


def require_version(place: Place, version: int) -> Manifest:
    """Return the manifest of a version that a person named, or raise ConfigurationError.

    Every check of `load` is made.
    """
    try:
        return load(place, version).manifest
    except NotFound as error:
        known = ", ".join(map(str, published(place))) or "none"
        rule = f"{place.name} has the version"
        raise ConfigurationError("model version", rule, version, f"Known: {known}.") from error


def require_champion(place: Place) -> Champion:
    """Return which version is the champion, or raise Refused."""
    found = pointer.read(place)
    if found is None:
        remedy = f"Train one: `perennial train {place.name}`."
        raise Refused(f"pipeline {place.name}", "a champion is in service", "none", remedy)
    return found[0]


def load_champion(place: Place) -> ModelVersion:
    """Load the champion as `load` does, or raise Refused."""
    champion = require_champion(place)
    return load(place, champion.version, champion.digest)


def models(place: Place, damaged: Damaged | None = None) -> tuple[Manifest, ...]:
    """Return the manifest of every published version, oldest first, signatures verified.

    Raises:
        IntegrityError: a manifest does not hold; with `damaged`, that is told instead.
    """
    found = []
    for version in published(place):
        try:
            found.append(manifest_of(place, version))
        except IntegrityError as error:
            if damaged is None:
                raise
            damaged(version, error)
    return tuple(found)


def published(place: Place) -> tuple[int, ...]:
    """Return the numbers of the published versions, unverified, oldest first."""
    layout = place.layout
    keys = {info.key for info in place.bucket.list(layout.models)}
    return tuple(v for v in numbers(keys, layout) if layout.manifest(v) in keys)


def manifest_of(place: Place, version: int) -> Manifest:
    """Return a version's manifest: signature verified, files not looked at.

    Raises:
        NotFound: the version is not published.
        IntegrityError: it was changed, signed with another key, or belongs elsewhere.
    """
    where = place.layout.manifest(version)
    manifest = verify(place.bucket.get(where), place.keyring, where)
    # a signed manifest that was copied to another version's place holds all the same
    _check_place(manifest, place.name, version, where)
    return manifest


def check_files(place: Place, manifest: Manifest) -> None:
    """Read every file of a version, and compare it with its digest.

    Raises:
        IntegrityError: one is another, or gone.
    """
    for name in manifest.files:
        _file(place, manifest, name)


def check_answers(version: ModelVersion, where: str) -> None:
    """Let the model answer its golden rows.

    Raises:
        IntegrityError: there is no model or no golden row, or the answers are others.
    """
    from tasks.models.runtime import OnnxModel

    golden = version.manifest.golden
    if MODEL not in version.files:
        raise IntegrityError(where, f"it lists {MODEL}", sorted(version.files), REMEDY)
    if not golden.outputs:
        raise IntegrityError(where, "it holds golden rows", "none", REMEDY)
    rule = "the model gives the recorded answers to the golden rows"
    try:
        # not `version.model`: who serves single rows would hold that runtime for nothing
        answers = OnnxModel(version.files[MODEL]).predict(golden.frame())
    except (DataError, IntegrityError) as error:
        raise IntegrityError(where, rule, error, REMEDY) from error
    if not agrees(golden.answers, answers):
        raise IntegrityError(where, rule, "other answers", REMEDY)


def _check_place(manifest: Manifest, pipeline: str, version: int, where: str) -> None:
    if (manifest.pipeline, manifest.version) != (pipeline, version):
        rule = f"it is the manifest of {pipeline} version {version}"
        came = f"that of {manifest.pipeline} version {manifest.version}"
        raise IntegrityError(where, rule, came, REMEDY)


def _file(place: Place, manifest: Manifest, name: str) -> bytes:
    where = place.layout.model_file(manifest.version, manifest.stored.get(name, name))
    try:
        data = place.bucket.get(where)
    except NotFound as error:
        raise IntegrityError(where, "the manifest's file exists", "none", REMEDY) from error
    digest = sha256(data)
    if not hmac.compare_digest(digest, manifest.files[name]):
        rule = f"its SHA-256 is {manifest.files[name][:12]}…"
        raise IntegrityError(where, rule, f"{digest[:12]}…", REMEDY)
    return data
