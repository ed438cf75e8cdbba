"""Notifications as each store and relay sends them."""

from __future__ import annotations

import base64
import json
from typing import Any

BUCKET = "perennial"
ETAG = "aed563ecafb4bcc5654c597a421547b2"


def seaweedfs(
    key: str = "flights/incoming/a.csv",
    event: str = "create",
    *,
    bucket: str = BUCKET,
    etag: str = ETAG,
    before: str | None = None,
    folder: bool = False,
) -> dict[str, Any]:
    """Return what SeaweedFS 4.48 posts for one entry of its filer."""
    parent, _, name = f"/buckets/{bucket}/{key}".rpartition("/")
    message: dict[str, Any] = {
        "new_entry": entry(name, etag, folder),
        "delete_chunks": True,
        "new_parent_path": parent,
        "signatures": [-1054609576],
    }
    if before is not None:
        message["old_entry"] = entry(name, before, folder)
    return {"key": f"{parent}/{name}", "event_type": event, "message": message}


def entry(name: str, etag: str, folder: bool) -> dict[str, Any]:
    encoded = base64.b64encode(etag.encode()).decode()
    return {
        "name": name,
        **({"is_directory": True} if folder else {}),
        "chunks": [{"size": 100, "fid": {"volume_id": 1, "file_key": 1, "cookie": 311857621}}],
        "attributes": {"file_size": 100, "mtime": 1795342850, "md5": "rtVj7K+0vMVlTFl6QhVHsg=="},
        "extended": {"Seaweed-X-Amz-ETag": encoded, "Seaweed-X-Amz-Owner": "YWRtaW4="},
    }


def record(
    key: str = "flights/incoming/a.csv", event: str = "ObjectCreated:Put", bucket: str = BUCKET
) -> dict[str, Any]:
    """Return one record of an S3 event message; `key` as it is encoded there."""
    return {
        "eventVersion": "2.2",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-22T10:20:50.000Z",
        "eventName": event,
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 100, "eTag": ETAG, "sequencer": "0055AED6DCD90281E5"},
        },
    }


def s3(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records or (record(),))}


def sns(message: dict[str, Any] | str) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": text}


def confirmation(kind: str = "SubscriptionConfirmation") -> dict[str, Any]:
    return {
        "Type": kind,
        "TopicArn": "arn:aws:sns:us-east-1:1:t",
        "Token": "2336412f37",
        "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
    }


def eventbridge(
    key: str = "flights/incoming/a.csv", kind: str = "Object Created", bucket: str = BUCKET
) -> dict[str, Any]:
    return {
        "version": "0",
        "detail-type": kind,
        "source": "aws.s3",
        "time": "2026-11-22T10:20:50Z",
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 100, "etag": ETAG},
            "reason": "PutObject",
        },
    }


def body(document: Any) -> bytes:
    return json.dumps(document).encode()
