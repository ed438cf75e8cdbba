"""What has to stay, told from values alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.config.sections import Storage
from tasks.ledger.entry import Entry
from tasks.maintenance.needed import Needed, PinnedData, find_needed
from tasks.maintenance.stale import stale_models, stale_pages, stale_quarantine
from tasks.promotion.pointer import Champion
from tasks.store.bucket import ObjectInfo
from tasks.store.layout import Layout
from tasks.store.reports import StoredPage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=200)


def entry(kind: str, version: int, **figures: Any) -> Entry:
    return Entry(f"{kind}-{version}", NOW, "toy", kind, version, "ada", "", figures)


def test_what_served_was_tried_or_waits_for_its_verdict_stays_and_the_newest() -> None:
    models = {version: PinnedData(10 * version, version) for version in range(1, 9)}
    verdicts = [
        entry("verdict", version, data_version=version * 10) for version in (*range(1, 7), 8)
    ]
    champion = Champion(3, "", NOW, "ada", "", history=(2,))
    entries = [*verdicts, entry("promotion", 3), entry("verdict", 0, data_version=5)]
    told = find_needed(models, entries, champion, 4, [PinnedData(7, None)], [99], 1)
    # 7 has no verdict, 8 is the newest; 1, 5 and 6 were refused
    assert told.models == {2, 3, 4, 7, 8}
    assert told.data == {*range(10, 90, 10), 5, 7}
    assert (told.labels, told.exactly) == ({*range(1, 9)}, {99})


def test_one_that_waits_for_a_person_stays() -> None:
    models = {version: PinnedData() for version in (1, 2, 3)}
    entries = [
        entry("verdict", 1, next="awaiting approval"),
        *(entry("verdict", version, next="refused") for version in (2, 3)),
    ]
    assert find_needed(models, entries, None, None, [], [], 1).models == {1, 3}


def test_nothing_is_needed_of_nothing() -> None:
    assert find_needed({}, [], None, None, [], [], 10) == Needed(*[frozenset[int]()] * 4)


def info(key: str, modified: datetime = LONG_AGO) -> ObjectInfo:
    return ObjectInfo(key, 1, "", modified)


def test_a_version_goes_from_its_manifest_on_and_its_number_stays_taken() -> None:
    names = ("claim.json", "estimator.json", "manifest.json", "model.onnx")
    found = [info(f"toy/models/{version}/{name}") for version in (1, 2) for name in names]
    found.append(info("toy/models/3/model.onnx", NOW))  # of a run under way
    gone = stale_models(found, Layout("toy"), {2}, Storage(), NOW).objects
    left = ("manifest.json", "estimator.json", "model.onnx")
    assert [there.key for there in gone] == [f"toy/models/1/{name}" for name in left]


def test_the_newest_page_and_those_of_kept_versions_stay() -> None:
    pages = [
        StoredPage("card", version, f"toy/reports/card/{version}.html", LONG_AGO)
        for version in ("4", "3", "2", "1")
    ]
    found = [info(page.key) for page in pages] + [info("toy/reports/card/errors.npy")]
    gone = stale_pages([pages], found, {2}, Storage(), NOW).objects
    assert [there.key[-6:] for there in gone] == ["3.html", "1.html"]


def test_why_something_was_refused_stays() -> None:
    found = [info("toy/quarantine/a/report.json"), info("toy/quarantine/a/a.csv")]
    found.append(info("toy/quarantine/b/b.csv", NOW))
    assert stale_quarantine(found, Storage(), NOW).objects == (found[1],)
