"""What is read from notifications, and that nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.events.arrival import FOLDERS, Arrived
from tasks.events.notification import Confirmation, Reading, Refusal, read
from tasks.store.layout import RESERVED
from tests.tasks.events.scenes import (
    BUCKET,
    ETAG,
    body,
    confirmation,
    eventbridge,
    record,
    s3,
    seaweedfs,
    sns,
)

FORMS: dict[str, Callable[[str], Any]] = {
    "seaweedfs": seaweedfs,
    "s3": lambda key: s3(record(quote_plus(key))),
    "minio": lambda key: {
        "EventName": "s3:ObjectCreated:Put",
        "Key": f"{BUCKET}/{key}",
        **s3(record(quote_plus(key), "s3:ObjectCreated:Put")),
    },
    "sns": lambda key: sns(s3(record(quote_plus(key)))),
    "eventbridge": eventbridge,
    "eventbridge over sns": lambda key: sns(eventbridge(key)),
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
WORDS = st.sampled_from(
    [
        *("Records", "s3", "object", "key", "bucket", "name", "eventName", "Event"),
        *("Type", "Message", "detail", "detail-type"),
        *("event_type", "message", "new_entry", "new_parent_path", "extended"),
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner),
    max_leaves=25,
)
KEYS = st.lists(st.sampled_from(["flights", "incoming", "labels", "..", ".", "", "a b", "ü%+/"]))


def read_as(document: Any, bucket: str = BUCKET) -> Reading:
    return read(body(document), bucket)


def assert_sound(found: Reading) -> None:
    """Assert what holds for whatever came."""
    if isinstance(found, Confirmation | Refusal):
        return
    for each in found:
        pipeline, folder, *rest = each.key.split("/")
        assert each.bucket == BUCKET
        assert folder in FOLDERS
        assert pipeline not in RESERVED
        assert rest
        assert not {"", ".", ".."} & {pipeline, *rest}
        assert each.key.encode("utf-8")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    key = "flights/incoming/a b+ü%.csv"
    assert read_as(FORMS[form](key)) == (Arrived(BUCKET, key),)
    assert read_as(FORMS[form]("flights/labels/may.csv")) != ()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "key",
    [
        "flights/curated/a.parquet",
        "flights/incoming",
        "flights/incoming/",
        "flights/incoming//a.csv",
        "flights/incoming/../curated/a",
        "../flights/incoming/a.csv",
        "/flights/incoming/a.csv",
        "Flights/incoming/a.csv",
        "mlflow/incoming/a.csv",
        "results/labels/a.csv",
        "flights/labels/_delta_log/0.json",
        "flights/incoming/a\n.csv",
        "flights/incoming/" + "a" * 1024,
    ],
)
def test_no_other_key_wakes_anybody(form: str, key: str) -> None:
    assert read_as(FORMS[form](key)) == ()


@pytest.mark.parametrize(
    "document",
    [
        seaweedfs(event="delete"),
        seaweedfs(bucket="perennial-2"),
        seaweedfs(folder=True),
        seaweedfs(event="update", before=ETAG),
        s3(record(event="ObjectRemoved:Delete")),
        s3(record(bucket="other")),
        s3({"eventName": "s3:TestEvent", **{"s3": {"object": {"key": "x"}}}}),
        {"Records": []},
        eventbridge(kind="Object Deleted"),
        eventbridge(bucket="other"),
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET},
        confirmation("UnsubscribeConfirmation"),
    ],
)
def test_what_is_of_no_interest_is_no_error(document: Any) -> None:
    assert read_as(document) == ()


def test_an_overwritten_and_a_moved_object_count() -> None:
    assert read_as(seaweedfs(event="update", before="0" * 32))
    assert read_as(seaweedfs(event="rename", before=ETAG))


def test_a_version_is_told_under_the_objects_key() -> None:
    versioned = "flights/incoming/a.csv.versions/v_6715a92e6241c01a7c2db4033bcf4e97"
    assert [each.key for each in _arrived(read_as(seaweedfs(versioned)))] == [
        "flights/incoming/a.csv"
    ]


def test_a_topic_is_confirmed_by_a_person() -> None:
    found = read_as(confirmation())
    assert isinstance(found, Confirmation)
    assert found.url.startswith("https://sns.")
    assert isinstance(read_as({**confirmation(), "SubscribeURL": "file:///etc/passwd"}), Refusal)


@pytest.mark.parametrize(
    ("came", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no form"),
        (b'{"Records": 7}', "not a list"),
        (b'{"Records": [{}]}', "lacks"),
        (b'{"Records": [7, null]}', "lacks"),
        (b"[" * 200_000, "deeply"),
        (b"9" * 10_000, "not JSON"),
        (body(s3(record("flights/incoming/%ff%fe"))), "UTF-8"),
        (body({"Type": "Notification", "Message": 7}), "not text"),
        (body(sns("hello")), "not JSON"),
        (body(sns(sns(s3()))), "no form"),
        (body({"detail-type": "Object Created", "detail": []}), "lacks"),
        (body({"event_type": "create", "message": None}), "lacks"),
    ],
)
def test_what_is_no_notification_is_refused_with_the_reason(came: bytes, reason: str) -> None:
    found = read(came, BUCKET)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_one_bad_record_does_not_hide_the_good_ones() -> None:
    found = _arrived(read_as(s3({"eventName": 7}, record(), record("flights/curated/x"), record())))
    assert len(found) == 2


def test_odd_facts_beside_an_object_hide_it_not() -> None:
    odd = record()
    odd["eventTime"] = "9999-12-31T23:59:59-23:59"
    odd["s3"]["object"].update(size=-1, eTag="é" * 500)
    assert read_as(s3(odd)) == (Arrived(BUCKET, "flights/incoming/a.csv"),)


def test_an_event_of_the_future_is_a_wake_up_like_any_other() -> None:
    later = record()
    later["eventTime"] = "2126-01-01T00:00:00Z"
    assert len(_arrived(read_as(s3(later)))) == 1


def _arrived(found: Reading) -> tuple[Arrived, ...]:
    assert isinstance(found, tuple)
    return found


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(came: bytes) -> None:
    assert_sound(read(came, BUCKET))


@given(ANYTHING)
def test_any_document_is_answered(document: Any) -> None:
    assert_sound(read(json.dumps(document).encode(), BUCKET))


@given(KEYS, st.sampled_from(sorted(FORMS)))
def test_no_key_leaves_its_folder(parts: list[str], form: str) -> None:
    assert_sound(read_as(FORMS[form]("/".join(parts))))


@given(st.sampled_from(sorted(FORMS)), st.data())
def test_a_notification_with_one_thing_changed_is_answered(form: str, data: st.DataObject) -> None:
    document = FORMS[form]("flights/incoming/a.csv")
    place: Any = document
    while True:
        names = sorted(place) if isinstance(place, dict) else range(len(place))
        name = data.draw(st.sampled_from(list(names)))
        deeper = isinstance(place[name], dict | list) and bool(place[name])
        if not deeper or data.draw(st.booleans()):
            place[name] = data.draw(ANYTHING)
            break
        place = place[name]
    assert_sound(read_as(document))


@given(st.text(max_size=40))
def test_a_readable_key_comes_through_every_form_alike(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    found = {form: read_as(make(f"flights/incoming/x{name}")) for form, make in FORMS.items()}
    assert len(set(found.values())) == 1 or ".versions" in name
