from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, IntegrityError, NotFound
from tasks.scoring.ahead import ahead
from tasks.scoring.run import Pin, clear, pinned, run_of
from tasks.scoring.sources import key_of, rows_of
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tests.buckets import local

LAYOUT = Layout("flights")


def test_a_scoring_stays_with_what_it_began_with_until_it_is_done() -> None:
    bucket, run = local(), run_of("digest", None)
    first = pinned(bucket, LAYOUT, run, lambda: Pin(1, "one", None, 100))
    assert pinned(bucket, LAYOUT, run, lambda: Pin(2, "two", 7, 100)) == first
    bucket.put(LAYOUT.scoring_part(run, "one", 0), b"part")
    clear(bucket, LAYOUT, run)
    assert not list(bucket.list(LAYOUT.scoring(run)))
    assert pinned(bucket, LAYOUT, run, lambda: Pin(2, "two", 7, 100)).version == 2


def test_a_damaged_pin_is_refused() -> None:
    bucket, run = local(), run_of("digest", None)
    bucket.put(LAYOUT.scoring_pin(run), b'{"version": 1}')
    with pytest.raises(IntegrityError, match=r"pin\.json"):
        pinned(bucket, LAYOUT, run, lambda: Pin(1, "one", None, 100))


def test_sources_lie_in_the_bucket(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "perennial")
    assert key_of("curated", bucket, LAYOUT) == "flights/curated"
    assert key_of("s3://perennial/a/b.csv", bucket, LAYOUT) == "a/b.csv"
    assert key_of("a/table/", bucket, LAYOUT) == "a/table"
    with pytest.raises(ConfigurationError, match="lies in the bucket perennial; got other"):
        key_of("s3://other/b.csv", bucket, LAYOUT)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"/a\.csv"):
        rows_of(local(), "a.csv", 100, tmp_path)


def test_work_is_handed_on_in_order_and_little_is_held() -> None:
    taken, gate = [], threading.Event()

    def given():
        for number in range(50):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        gate.wait(0.001)
        return number * 2

    made = ahead(work, given(), workers=2)
    assert next(made) == 0
    assert len(taken) == 3
    assert list(made) == [number * 2 for number in range(1, 50)]


def test_a_failure_ends_the_work() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    interval = sys.getswitchinterval()
    made = ahead(work, iter(range(10)), workers=2)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    assert sys.getswitchinterval() < interval
    with pytest.raises(ValueError, match="3"):
        next(made)
    assert sys.getswitchinterval() == interval
