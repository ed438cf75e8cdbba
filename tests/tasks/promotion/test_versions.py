"""One version per training key, and every check when it is loaded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, IntegrityError, NotFound
from tasks.promotion.versions import checked_version, load, models, publish
from tasks.promotion.versions import published as numbers
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.buckets import local
from tests.servers import S3
from tests.tasks.promotion.scenes import (
    KEY,
    a_model,
    building,
    dying,
    published,
    started,
)

Harm = Callable[[Bucket, Layout], None]


def test_a_published_version_loads_with_its_files(bucket: Bucket, pipeline: str) -> None:
    assert publish(Place(bucket, pipeline, KEY), "k", building(pipeline, "k")) == 1
    loaded = load(Place(bucket, pipeline, KEY), 1)
    manifest, files = loaded.manifest, loaded.files
    assert files == {"model.onnx": a_model()}
    assert (manifest.version, manifest.training_key) == (1, "k")
    assert load(Place(bucket, pipeline, KEY), 1, digest=manifest.digest).manifest == manifest


def test_the_same_training_is_published_once(bucket: Bucket, pipeline: str) -> None:
    published(bucket, pipeline, 2)

    def never(version: int) -> object:
        raise AssertionError(f"version {version} was built again")

    assert publish(Place(bucket, pipeline, KEY), "key-1", never) == 1  # type: ignore[arg-type]
    assert publish(Place(bucket, pipeline, KEY), "key-3", building(pipeline, "key-3")) == 3
    assert [one.version for one in models(Place(bucket, pipeline, KEY))] == [1, 2, 3]


def raced(work: Callable[[int], int], count: int) -> list[int]:
    gate = threading.Barrier(count)

    def run(number: int) -> int:
        gate.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_racers_of_one_training_make_one_version(bucket: Bucket, pipeline: str) -> None:
    # Each builds other bytes: whichever manifest stands must name the bytes that lie there.
    def work(number: int) -> int:
        return publish(
            Place(bucket, pipeline, KEY), "k", building(pipeline, "k", slope=2.0 + number)
        )

    assert set(raced(work, 4)) == {1}
    assert numbers(Place(bucket, pipeline, KEY)) == (1,)
    load(Place(bucket, pipeline, KEY), 1)


def test_racers_of_different_trainings_make_a_version_each(bucket: Bucket, pipeline: str) -> None:
    def work(number: int) -> int:
        return publish(Place(bucket, pipeline, KEY), f"k{number}", building(pipeline, f"k{number}"))

    assert sorted(raced(work, 4)) == [1, 2, 3, 4]
    assert len({one.training_key for one in models(Place(bucket, pipeline, KEY))}) == 4


def test_bytes_left_by_another_attempt_are_not_overwritten(pipeline: str) -> None:
    bucket, layout = local(), Layout(pipeline)
    bucket.put(layout.model_file(1, "claim.json"), b'{"training_key":"k"}')
    bucket.put(layout.model_file(1, "model.onnx"), b"an earlier attempt")
    assert publish(Place(bucket, pipeline, KEY), "k", building(pipeline, "k")) == 1
    assert load(Place(bucket, pipeline, KEY), 1).files == {"model.onnx": a_model()}
    assert bucket.get(layout.model_file(1, "model.onnx")) == b"an earlier attempt"


def flip(where: Callable[[Layout], str], at: int = 100) -> Harm:
    def harm(bucket: Bucket, layout: Layout) -> None:
        data = bytearray(bucket.get(where(layout)))
        data[at] ^= 1
        bucket.put(where(layout), bytes(data))

    return harm


def remove_the_model(bucket: Bucket, layout: Layout) -> None:
    bucket.delete(layout.model_file(1, "model.onnx"))


def take_another_versions_manifest(bucket: Bucket, layout: Layout) -> None:
    bucket.put(layout.manifest(1), bucket.get(layout.manifest(2)))


def take_another_pipelines_manifest(bucket: Bucket, layout: Layout) -> None:
    published(bucket, "another", 1)
    bucket.put(layout.manifest(1), bucket.get(Layout("another").manifest(1)))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (flip(lambda at: at.manifest(1)), r"models/1/manifest\.json: "),
        (flip(lambda at: at.model_file(1, "model.onnx")), r"models/1/model\.onnx: its SHA-256"),
        (remove_the_model, r"models/1/model\.onnx: the manifest's file exists"),
        (take_another_versions_manifest, "that of .* version 2"),
        (take_another_pipelines_manifest, "that of another version 1"),
    ],
)
def test_what_does_not_hold_is_named(bucket: Bucket, pipeline: str, harm: Harm, says: str) -> None:
    published(bucket, pipeline, 2)
    harm(bucket, Layout(pipeline))
    with pytest.raises(IntegrityError, match=says):
        load(Place(bucket, pipeline, KEY), 1)
    assert load(Place(bucket, pipeline, KEY), 2).manifest.version == 2


def test_another_signing_key_opens_nothing(pipeline: str) -> None:
    bucket = local()
    published(bucket, pipeline, 1)
    with pytest.raises(IntegrityError, match="signature"):
        load(Place(bucket, pipeline, Keyring("another key")), 1)


def test_another_manifest_than_the_promoted_one_is_refused(pipeline: str) -> None:
    bucket = local()
    published(bucket, pipeline, 1)
    with pytest.raises(IntegrityError, match="champion pointer"):
        load(Place(bucket, pipeline, KEY), 1, digest="0" * 64)


def test_a_model_with_other_answers_is_not_published(pipeline: str) -> None:
    bucket = local()
    with pytest.raises(IntegrityError, match="golden rows"):
        publish(Place(bucket, pipeline, KEY), "k", building(pipeline, "k", golden=2.001))
    assert numbers(Place(bucket, pipeline, KEY)) == ()
    assert publish(Place(bucket, pipeline, KEY), "k", building(pipeline, "k")) == 1


def test_a_damaged_manifest_does_not_hide_the_others_from_one_who_asks(pipeline: str) -> None:
    bucket, told = local(), []
    published(bucket, pipeline, 2)
    flip(lambda at: at.manifest(1))(bucket, Layout(pipeline))
    with pytest.raises(IntegrityError):
        models(Place(bucket, pipeline, KEY))
    found = models(Place(bucket, pipeline, KEY), damaged=lambda version, _: told.append(version))
    assert ([one.version for one in found], told) == ([2], [1])


@pytest.mark.parametrize("version", ["../x", "0", "-1", "01", "1.0", "", "١", "1\n", True, 10**10])  # noqa: RUF001
def test_a_version_is_a_whole_number(version: int | str) -> None:
    with pytest.raises(ConfigurationError, match="model version") as caught:
        checked_version(version)
    assert caught.value.exit_status == 2


def test_a_version_that_is_not_there_is_not_found(bucket: Bucket, pipeline: str) -> None:
    with pytest.raises(NotFound):
        load(Place(bucket, pipeline, KEY), 7)


def publish_one(bucket: Bucket, pipeline: str, _: Path) -> None:
    publish(Place(bucket, pipeline, KEY), "k", building(pipeline, "k"))


@pytest.mark.system
@pytest.mark.parametrize(
    "point",
    ["train.model.before", "train.model.after", "train.manifest.before", "train.manifest.after"],
)
def test_a_publication_that_died_is_finished_by_the_next(
    s3: S3, pipeline: str, tmp_path: Path, point: str
) -> None:
    child = started(dying, publish_one, s3.settings, pipeline, tmp_path, point)
    child.join(180)
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / point).exists()
    bucket = S3Bucket(s3.settings)
    assert numbers(Place(bucket, pipeline, KEY)) == (
        (1,) if point == "train.manifest.after" else ()
    )
    publish_one(bucket, pipeline, tmp_path)
    assert numbers(Place(bucket, pipeline, KEY)) == (1,)
    keys = [info.key for info in bucket.list(Layout(pipeline).models)]
    assert len(keys) == 3
    load(Place(bucket, pipeline, KEY), 1)
    assert publish(Place(bucket, pipeline, KEY), "k2", building(pipeline, "k2")) == 2
