from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tasks.signatures import Keyring
from tasks.store import results
from tasks.store.local import LocalBucket
from tests.buckets import local

KEY = Keyring("a key")
remember, recall = partial(results.remember, keyring=KEY), partial(results.recall, keyring=KEY)
DOCUMENT = {"chosen": {"family": "linear"}, "score": 0.71, "trials": [1, 2]}
FILES = {"model.onnx": b"\x08\x07", "plot.png": b""}


def remembered() -> LocalBucket:
    bucket = local()
    remember(bucket, "ab12", "fit", DOCUMENT, FILES)
    return bucket


def test_what_was_remembered_is_recalled() -> None:
    found = recall(remembered(), "ab12", "fit")
    assert found is not None
    assert found.document == DOCUMENT
    assert found.files == FILES


@pytest.mark.parametrize(("key", "step"), [("ab13", "fit"), ("ab12", "tune"), ("ab1", "2fit")])
def test_another_key_or_step_is_no_hit(key: str, step: str) -> None:
    assert recall(remembered(), key, step) is None


def test_a_hit_and_a_miss_give_the_same_document() -> None:
    bucket = local()
    fresh = remember(bucket, "ab12", "fit", {"pair": (1, 2), "by_class": {0: 0.5}})
    again = recall(bucket, "ab12", "fit")
    assert again is not None
    assert fresh.document == again.document == {"pair": [1, 2], "by_class": {"0": 0.5}}


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"\x00"


@pytest.mark.parametrize("damage", [flip, lambda data: data[:-1] if data else b"x", None])
def test_a_result_is_no_hit_when_any_object_of_it_is_damaged_or_gone(
    damage: Callable[[bytes], bytes] | None,
) -> None:
    keys = [info.key for info in remembered().list("")]
    assert len(keys) == 1 + len(FILES)
    for key in keys:
        bucket = remembered()
        if damage is None:
            bucket.delete(key)
        else:
            bucket.put(key, damage(bucket.get(key)))
        assert recall(bucket, "ab12", "fit") is None
        remember(bucket, "ab12", "fit", DOCUMENT, FILES)
        mended = recall(bucket, "ab12", "fit")
        assert mended is not None
        assert mended.files == FILES


def test_every_bit_of_the_envelope_counts() -> None:
    bucket = remembered()
    (envelope,) = (info.key for info in bucket.list("") if info.key.endswith("result.json"))
    whole = bucket.get(envelope)
    for place in range(len(whole)):
        damaged = whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]
        bucket.put(envelope, damaged)
        found = recall(bucket, "ab12", "fit")
        assert found is None or (found.document, found.files) == (DOCUMENT, FILES)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"content": {}}', b"\xff\xfe", b"{}"])
def test_an_envelope_of_another_shape_is_no_hit(content: bytes) -> None:
    bucket = remembered()
    (envelope,) = (info.key for info in bucket.list("") if info.key.endswith("result.json"))
    bucket.put(envelope, content)
    assert recall(bucket, "ab12", "fit") is None


def test_an_envelope_moved_to_another_step_is_no_hit() -> None:
    bucket = remembered()
    for info in list(bucket.list("results/ab12/fit/")):
        bucket.put(info.key.replace("/fit/", "/tune/"), bucket.get(info.key))
    assert recall(bucket, "ab12", "tune") is None


def test_of_two_writers_the_first_stays_and_both_are_given_it() -> None:
    bucket = local()
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: remember(bucket, "ab12", "fit", {"n": n}), range(8)))
    kept = recall(bucket, "ab12", "fit")
    assert kept is not None
    assert {json.dumps(one.document) for one in told} == {json.dumps(kept.document)}


def test_what_another_key_signed_or_none_is_no_hit_and_is_computed_anew() -> None:
    bucket = remembered()
    assert results.recall(bucket, "ab12", "fit", keyring=Keyring("another")) is None
    after = Keyring("another", earlier=("a key",))
    assert results.recall(bucket, "ab12", "fit", keyring=after) is not None
    (where,) = (info.key for info in bucket.list("") if info.key.endswith("result.json"))
    content = json.loads(bucket.get(where))["content"]
    content["document"]["score"] = 0.99
    # as release 0.1.0 wrote it: whole, and anybody could have made it
    told = json.dumps(content, sort_keys=True).encode()
    unsigned = {"content": content, "sha256": hashlib.sha256(told).hexdigest()}
    bucket.put(where, json.dumps(unsigned).encode())
    assert recall(bucket, "ab12", "fit") is None
    assert remember(bucket, "ab12", "fit", DOCUMENT, FILES).document["score"] == 0.71
