"""Read a notification of the bucket, in the form of whichever store or relay sent it.

Four forms are known: the webhook of SeaweedFS's filer (`weed/notification/webhook`), the S3 event
message (also MinIO's and Ceph's), the SNS envelope around one, and EventBridge's envelope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tasks.errors import bounded
from tasks.events.arrival import Arrived, is_awaited

BUCKETS = "/buckets/"  # where the filer keeps every bucket
CREATIONS = ("create", "update", "rename")
ETAG_FIELD = "Seaweed-X-Amz-ETag"
# Where it keeps an object of a versioned bucket.
VERSION = re.compile(r"(.+)\.versions/v_[0-9a-f]+")
FAREWELL = "UnsubscribeConfirmation"  # a topic says it on its way out; nothing is to be done


@dataclass(frozen=True)
class Confirmation:
    """A topic asks to be confirmed; a person opens `url`, the receiver never does."""

    topic: str
    url: str


@dataclass(frozen=True)
class Refusal:
    """What came is no notification, and why."""

    reason: str


Reading = tuple[Arrived, ...] | Confirmation | Refusal


def read(body: bytes, bucket: str) -> Reading:
    """Return the objects of `bucket` that a notification says were created and are awaited.

    An empty tuple is a notification of something else: another bucket, another folder, a removal,
    a store's test.

    >>> body = b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"},'
    >>> body += b'"object": {"key": "flights/incoming/a+b.csv"}}}]}'
    >>> [arrived.key for arrived in read(body, "b")], read(body, "other")
    (['flights/incoming/a b.csv'], ())
    >>> read(b"hello", "b")
    Refusal(reason='it is not JSON')
    """
    document = _parsed(body)
    if isinstance(document, Refusal):
        return document
    if document.get("Type") == "SubscriptionConfirmation":
        return _confirmation(document)
    if document.get("Type") == "Notification" and "Message" in document:
        message = document["Message"]
        if not isinstance(message, str):
            return Refusal("its Message is not text")
        inner = _parsed(message)
        return inner if isinstance(inner, Refusal) else _plain(inner, bucket)
    return _plain(document, bucket)


def _parsed(text: bytes | str) -> Mapping[str, Any] | Refusal:
    try:
        document = json.loads(text)
    except ValueError:
        return Refusal("it is not JSON")
    except RecursionError:
        return Refusal("it is nested too deeply")
    return document if isinstance(document, dict) else Refusal("it is not a JSON object")


def _plain(document: Mapping[str, Any], bucket: str) -> Reading:
    if "Records" in document:
        records = document["Records"]
        if not isinstance(records, list):
            return Refusal("its Records are not a list")
        return _together(_record(record, bucket) for record in records)
    if "detail-type" in document:
        return _together([_bridged(document, bucket)])
    if "event_type" in document:
        return _together([_filed(document, bucket)])
    if document.get("Event") == "s3:TestEvent" or document.get("Type") == FAREWELL:
        return ()
    return Refusal("it is no form of notification that is known here")


def _together(found: Iterable[Arrived | Refusal | None]) -> Reading:
    every = list(found)
    # one unreadable record among readable ones is passed over: the reconciler finds its object
    arrived = tuple(reading for reading in every if isinstance(reading, Arrived))
    refused = next((reading for reading in every if isinstance(reading, Refusal)), None)
    return arrived or refused or ()


def _confirmation(document: Mapping[str, Any]) -> Confirmation | Refusal:
    topic, url = document.get("TopicArn"), document.get("SubscribeURL")
    if not isinstance(topic, str) or not isinstance(url, str) or not url.startswith("https://"):
        return Refusal("it confirms nothing: a TopicArn and an https SubscribeURL are needed")
    return Confirmation(bounded(topic, 300), bounded(url, 2000))


def _record(record: Any, bucket: str) -> Arrived | Refusal | None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    event, key = _at(record, "eventName"), _at(record, "s3", "object", "key")
    if not isinstance(event, str) or not isinstance(key, str):
        return Refusal("a record lacks eventName or s3.object.key")
    if not event.removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    try:
        # here, and in no other form, a key is encoded as a form is: + stands for a space
        plain = unquote_plus(key, errors="strict")
    except ValueError:
        return Refusal("a key is not UTF-8")
    return _awaited(_at(record, "s3", "bucket", "name"), plain, bucket)


def _bridged(document: Mapping[str, Any], bucket: str) -> Arrived | Refusal | None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    if document["detail-type"] != "Object Created":
        return None
    key = _at(document, "detail", "object", "key")
    if not isinstance(key, str):
        return Refusal("its detail lacks object.key")
    return _awaited(_at(document, "detail", "bucket", "name"), key, bucket)


def _awaited(name: Any, key: str, bucket: str) -> Arrived | Refusal | None:
    if not isinstance(name, str):
        return Refusal("it names no bucket")
    return Arrived(bucket, key) if name == bucket and is_awaited(key) else None


def _filed(document: Mapping[str, Any], bucket: str) -> Arrived | Refusal | None:
    # it tells of every entry of its filer, folders included: an overwritten object is an update,
    # one moved into the folder a rename
    if document["event_type"] not in CREATIONS:
        return None
    message = document.get("message")
    entry, parent = _at(message, "new_entry"), _at(message, "new_parent_path")
    name = _at(entry, "name")
    if not isinstance(name, str) or not isinstance(parent, str):
        return Refusal("its message lacks new_entry.name or new_parent_path")
    path = f"{parent}/{name}"
    if _at(entry, "is_directory") or not path.startswith(f"{BUCKETS}{bucket}/"):
        return None
    key = path.removeprefix(f"{BUCKETS}{bucket}/")
    versioned = VERSION.fullmatch(key)
    key = versioned[1] if versioned else key
    etags = [_at(version, "extended", ETAG_FIELD) for version in (entry, _at(message, "old_entry"))]
    # an update that keeps the ETag changed tags or times only
    same = isinstance(etags[0], str) and etags[0] == etags[1]
    return None if document["event_type"] == "update" and same else _awaited(bucket, key, bucket)


def _at(value: Any, *path: str) -> Any:
    # senders are not trusted: whatever lies on the way may be something else than a mapping
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
