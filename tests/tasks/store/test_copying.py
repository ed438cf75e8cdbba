"""A bucket that is copied while it is written to leads nowhere that the copy does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.store.bucket import ObjectInfo
from tasks.store.copying import copy_bucket, lead
from tasks.store.layout import Layout, commit
from tasks.store.local import LocalBucket
from tests.buckets import local

TOY = Layout("toy")
BEFORE = [
    *(TOY.champion, f"{TOY.receipts}a.json", TOY.manifest(1), TOY.model_file(1, "model.onnx")),
    *(commit(TOY.ledger, 0), commit(TOY.curated, 0), f"{TOY.curated}/part-0.parquet"),
]
# Written in this order while the copy is made: each leads to what came before it.
MEANWHILE = [
    *(f"{TOY.incoming}b.csv", f"{TOY.curated}/part-1.parquet", commit(TOY.curated, 1)),
    *(f"{TOY.receipts}b.json", TOY.model_file(2, "model.onnx"), TOY.manifest(2)),
    *(commit(TOY.ledger, 1), TOY.challenger),
]
LEADS_TO = {
    commit(TOY.curated, 1): f"{TOY.curated}/part-1.parquet",
    f"{TOY.receipts}b.json": commit(TOY.curated, 1),
    commit(TOY.ledger, 1): commit(TOY.curated, 1),
    TOY.challenger: TOY.manifest(2),
}


class Written(LocalBucket):
    """A bucket that others write to while it is read: the next key of `waiting` after each read."""

    after: int = 0

    def download(self, key: str, path: Path) -> ObjectInfo:
        info = super().download(key, path)
        if self.after:
            self.after -= 1
        elif self.waiting:
            self.put(self.waiting.pop(0), b"new")
        return info

    waiting: list[str]


@pytest.mark.parametrize("after", range(len(BEFORE)))
def test_what_leads_to_something_finds_it_in_the_copy(after: int, tmp_path: Path) -> None:
    source, target = local(Written), local()
    source.waiting, source.after = list(MEANWHILE), after
    for key in BEFORE:
        source.put(key, b"old")
    copied = copy_bucket(source, target, tmp_path, lambda _: None, leading_first=True)
    there = {info.key for info in target.list("")}
    assert there >= set(BEFORE)
    assert copied.objects == len(there)
    missing = {key: led for key, led in LEADS_TO.items() if key in there and led not in there}
    assert missing == {}
    assert list(tmp_path.iterdir()) == []


def test_into_a_bucket_that_is_read_pointers_come_last(tmp_path: Path) -> None:
    source, written = local(), list[str]()

    class Noted(LocalBucket):
        def upload(self, path: Path, key: str, **_: object) -> ObjectInfo:
            written.append(key)
            return super().upload(path, key)

    for key in (*BEFORE, *MEANWHILE):
        source.put(key, key.encode())
    target = local(Noted)
    copy_bucket(source, target, tmp_path, lambda _: None, leading_first=False)
    assert {info.key: info.etag for info in target.list("")} == {
        info.key: info.etag for info in source.list("")
    }
    ranks = [-1 if (rank := lead(key)) is None else -rank for key in written]
    leading = [rank for key, rank in zip(written, ranks, strict=True) if lead(key) is not None]
    assert all(lead(key) is None for key in written[: len(written) - len(leading)])
    assert leading == sorted(leading)
    assert written[-1] in {TOY.champion, TOY.challenger, f"{TOY.receipts}a.json"}


def test_a_key_that_can_be_none_is_left_out_and_stops_no_copy(tmp_path: Path) -> None:
    class Odd(LocalBucket):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            found = [*super().list(prefix)]
            return iter([*found, replace(found[0], key="toy/incoming/e\n.csv")])

    source, target = local(Odd), local()
    source.put("toy/incoming/a.csv", b"rows")
    copied = copy_bucket(source, target, tmp_path, lambda _: None, leading_first=True)
    assert (copied.objects, copied.left_out) == (1, ("toy/incoming/e\n.csv",))
