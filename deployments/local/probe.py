"""Ask a server whether it is well, in a second or two and without a vendor's library."""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from urllib.parse import urlsplit

EMPTY = hashlib.sha256(b"").hexdigest()
NONE: Mapping[str, str] = {}


def ask(url: str, headers: Mapping[str, str] = NONE, timeout: float = 2.0) -> tuple[int, str]:
    """GET a loopback address; return the status (0: nothing came) and 1000 characters."""
    # Past any proxy, which would look for our loopback on its own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read(1000).decode("utf-8", "replace")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(1000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return 0, ""


def answers(url: str, timeout: float = 2.0) -> bool:
    """Return whether a GET of `url` succeeds within `timeout` seconds."""
    return 200 <= ask(url, timeout=timeout)[0] < 400


def reads(url: str, keys: Mapping[str, str], region: str, timeout: float = 2.0) -> bool:
    """Return whether the store reads the object at `url`, or knows for sure that there is none."""
    # SeaweedFS (4.48) calls itself well seconds before it finds its own volumes: only a read tells.
    status, text = ask(url, sign(url, keys, region, datetime.now(UTC)), timeout)
    return status == 200 or (status == 404 and "NoSuchKey" in text)


def sign(url: str, keys: Mapping[str, str], region: str, now: datetime) -> dict[str, str]:
    """Return the headers of a GET that S3 takes as the owner's (AWS Signature Version 4).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

    >>> keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    >>> at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    >>> sign("http://127.0.0.1:8333/b/a", keys, "us-east-1", at)["x-amz-date"]
    '20260102T030405Z'
    """
    parts = urlsplit(url)
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {"host": parts.netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": moment}
    names = ";".join(headers)
    lines = [*(f"{name}:{value}" for name, value in headers.items()), ""]
    canonical = "\n".join(["GET", parts.path, "", *lines, names, EMPTY])
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{keys['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    who = f"Credential={keys['AWS_ACCESS_KEY_ID']}/{scope}"
    found = f"AWS4-HMAC-SHA256 {who}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": found}
