from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, IntegrityError, NotFound
from tasks.scoring.ahead import work_ahead
from tasks.scoring.run import Pin, forget_scoring, name_run, pin_scoring
from tasks.scoring.sources import open_rows, resolve_key
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tests.buckets import local

LAYOUT = Layout("flights")


def test_a_scoring_stays_with_what_it_began_with_until_it_is_done() -> None:
    bucket, run = local(), name_run("digest", None)
    first = pin_scoring(bucket, LAYOUT, run, lambda: Pin(1, "one", None, 100))
    assert pin_scoring(bucket, LAYOUT, run, lambda: Pin(2, "two", 7, 100)) == first
    bucket.put(LAYOUT.scoring_part(run, "one", 0), b"part")
    forget_scoring(bucket, LAYOUT, run)
    assert not list(bucket.list(LAYOUT.scoring(run)))
    assert pin_scoring(bucket, LAYOUT, run, lambda: Pin(2, "two", 7, 100)).version == 2


def test_a_damaged_pin_is_refused() -> None:
    bucket, run = local(), name_run("digest", None)
    bucket.put(LAYOUT.scoring_pin(run), b'{"version": 1}')
    with pytest.raises(IntegrityError, match=r"pin\.json"):
        pin_scoring(bucket, LAYOUT, run, lambda: Pin(1, "one", None, 100))


def test_sources_lie_in_the_bucket(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "perennial")
    assert resolve_key("curated", bucket, LAYOUT) == "flights/curated"
    assert resolve_key("s3://perennial/a/b.csv", bucket, LAYOUT) == "a/b.csv"
    assert resolve_key("a/table/", bucket, LAYOUT) == "a/table"
    with pytest.raises(ConfigurationError, match="lies in the bucket perennial; got other"):
        resolve_key("s3://other/b.csv", bucket, LAYOUT)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"/a\.csv"):
        open_rows(local(), "a.csv", 100, tmp_path)


def test_work_is_handed_on_in_order_and_little_is_held() -> None:
    taken, gate = [], threading.Event()

    def given():
        for number in range(50):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        gate.wait(0.001)
        return number * 2

    made = work_ahead(work, given(), workers=2)
    assert next(made) == 0
    assert len(taken) == 3
    assert list(made) == [number * 2 for number in range(1, 50)]


def test_a_failure_ends_the_work() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    interval = sys.getswitchinterval()
    made = work_ahead(work, iter(range(10)), workers=2)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    assert sys.getswitchinterval() < interval
    with pytest.raises(ValueError, match="3"):
        next(made)
    assert sys.getswitchinterval() == interval
