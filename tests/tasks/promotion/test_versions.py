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
from tasks.store.base import Store
from tasks.store.layout import Layout
from tasks.store.memory import MemoryStore
from tasks.store.s3 import S3Store
from tests.servers import S3
from tests.tasks.promotion.scenes import (
    KEY,
    a_model,
    building,
    dying,
    published,
    started,
)

Harm = Callable[[Store, Layout], None]


def test_a_published_version_loads_with_its_files(store: Store, pipeline: str) -> None:
    assert publish(store, pipeline, "k", building(pipeline, "k"), KEY) == 1
    manifest, files = load(store, pipeline, 1, KEY)
    assert files == {"model.onnx": a_model()}
    assert (manifest.version, manifest.training_key) == (1, "k")
    assert load(store, pipeline, 1, KEY, digest=manifest.digest)[0] == manifest


def test_the_same_training_is_published_once(store: Store, pipeline: str) -> None:
    published(store, pipeline, 2)

    def never(version: int) -> object:
        raise AssertionError(f"version {version} was built again")

    assert publish(store, pipeline, "key-1", never, KEY) == 1  # type: ignore[arg-type]
    assert publish(store, pipeline, "key-3", building(pipeline, "key-3"), KEY) == 3
    assert [one.version for one in models(store, pipeline, KEY)] == [1, 2, 3]


def raced(work: Callable[[int], int], count: int) -> list[int]:
    gate = threading.Barrier(count)

    def run(number: int) -> int:
        gate.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_racers_of_one_training_make_one_version(store: Store, pipeline: str) -> None:
    # Each builds other bytes: whichever manifest stands must name the bytes that lie there.
    def work(number: int) -> int:
        return publish(store, pipeline, "k", building(pipeline, "k", slope=2.0 + number), KEY)

    assert set(raced(work, 4)) == {1}
    assert numbers(store, pipeline) == (1,)
    load(store, pipeline, 1, KEY)


def test_racers_of_different_trainings_make_a_version_each(store: Store, pipeline: str) -> None:
    def work(number: int) -> int:
        return publish(store, pipeline, f"k{number}", building(pipeline, f"k{number}"), KEY)

    assert sorted(raced(work, 4)) == [1, 2, 3, 4]
    assert len({one.training_key for one in models(store, pipeline, KEY)}) == 4


def test_bytes_left_by_another_attempt_are_not_overwritten(pipeline: str) -> None:
    store, layout = MemoryStore(), Layout(pipeline)
    store.put(layout.model_file(1, "claim.json"), b'{"training_key":"k"}')
    store.put(layout.model_file(1, "model.onnx"), b"an earlier attempt")
    assert publish(store, pipeline, "k", building(pipeline, "k"), KEY) == 1
    assert load(store, pipeline, 1, KEY)[1] == {"model.onnx": a_model()}
    assert store.get(layout.model_file(1, "model.onnx")) == b"an earlier attempt"


def flip(where: Callable[[Layout], str], at: int = 100) -> Harm:
    def harm(store: Store, layout: Layout) -> None:
        data = bytearray(store.get(where(layout)))
        data[at] ^= 1
        store.put(where(layout), bytes(data))

    return harm


def remove_the_model(store: Store, layout: Layout) -> None:
    store.delete(layout.model_file(1, "model.onnx"))


def take_another_versions_manifest(store: Store, layout: Layout) -> None:
    store.copy(layout.manifest(2), layout.manifest(1))


def take_another_pipelines_manifest(store: Store, layout: Layout) -> None:
    published(store, "another", 1)
    store.copy(Layout("another").manifest(1), layout.manifest(1))


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
def test_what_does_not_hold_is_named(store: Store, pipeline: str, harm: Harm, says: str) -> None:
    published(store, pipeline, 2)
    harm(store, Layout(pipeline))
    with pytest.raises(IntegrityError, match=says):
        load(store, pipeline, 1, KEY)
    assert load(store, pipeline, 2, KEY)[0].version == 2


def test_another_signing_key_opens_nothing(pipeline: str) -> None:
    store = MemoryStore()
    published(store, pipeline, 1)
    with pytest.raises(IntegrityError, match="signature"):
        load(store, pipeline, 1, "another key")


def test_another_manifest_than_the_promoted_one_is_refused(pipeline: str) -> None:
    store = MemoryStore()
    published(store, pipeline, 1)
    with pytest.raises(IntegrityError, match="champion pointer"):
        load(store, pipeline, 1, KEY, digest="0" * 64)


def test_a_model_with_other_answers_is_not_published(pipeline: str) -> None:
    store = MemoryStore()
    with pytest.raises(IntegrityError, match="golden rows"):
        publish(store, pipeline, "k", building(pipeline, "k", golden=2.001), KEY)
    assert numbers(store, pipeline) == ()
    assert publish(store, pipeline, "k", building(pipeline, "k"), KEY) == 1


def test_a_damaged_manifest_does_not_hide_the_others_from_one_who_asks(pipeline: str) -> None:
    store, told = MemoryStore(), []
    published(store, pipeline, 2)
    flip(lambda at: at.manifest(1))(store, Layout(pipeline))
    with pytest.raises(IntegrityError):
        models(store, pipeline, KEY)
    found = models(store, pipeline, KEY, damaged=lambda version, _: told.append(version))
    assert ([one.version for one in found], told) == ([2], [1])


@pytest.mark.parametrize("version", ["../x", "0", "-1", "01", "1.0", "", "١", "1\n", True, 10**10])  # noqa: RUF001
def test_a_version_is_a_whole_number(version: int | str) -> None:
    with pytest.raises(ConfigurationError, match="model version") as caught:
        checked_version(version)
    assert caught.value.exit_status == 2


def test_a_version_that_is_not_there_is_not_found(store: Store, pipeline: str) -> None:
    with pytest.raises(NotFound):
        load(store, pipeline, 7, KEY)


def publish_one(store: Store, pipeline: str, _: Path) -> None:
    publish(store, pipeline, "k", building(pipeline, "k"), KEY)


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
    store = S3Store(s3.settings)
    assert numbers(store, pipeline) == ((1,) if point == "train.manifest.after" else ())
    publish_one(store, pipeline, tmp_path)
    assert numbers(store, pipeline) == (1,)
    keys = [info.key for info in store.list(Layout(pipeline).models)]
    assert len(keys) == 3
    load(store, pipeline, 1, KEY)
    assert publish(store, pipeline, "k2", building(pipeline, "k2"), KEY) == 2
