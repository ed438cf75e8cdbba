"""The bucket on any S3-compatible store: the only door of boto3."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from tasks.errors import IntegrityError, NotFound, PreconditionFailed
from tasks.metering import note_read, note_written
from tasks.settings import Settings
from tasks.store.bucket import ObjectInfo, TableAddress
from tasks.store.keys import checked_key, checked_prefix
from tasks.store.s3_errors import GONE, LOST, translated
from tasks.store.s3_patience import CONNECT, PATIENCE, SILENCE, wait_for_answers
from tasks.store.s3_uploads import abandon
from tasks.store.scratch import place_whole

MIB = 1024 * 1024
PART = 16 * MIB  # from here on in parts: at most so much of each thread's is in memory
THREADS = 4
PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")
LINK_SECONDS = 7 * 24 * 3600  # the longest that a signed address may live
ATTEMPTS_AT_A_MOVING_OBJECT = 3
MAKING = Lock()


@cache
def session() -> Any:
    """Return this process's boto3 session, with S3's description read."""
    import boto3

    # A session of its own would read that description anew for each client, which takes 0.15 s.
    made = boto3.session.Session()
    # With keys of its own, or it would look for some in files and on the network.
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "-")
    made.client("s3", region_name="none", **keys)
    return made


class S3Bucket:
    """One bucket of an S3-compatible store. Safe to share between threads."""

    def __init__(
        self, settings: Settings, patience: float = PATIENCE, silence: float = SILENCE
    ) -> None:
        from botocore.config import Config

        self.name = settings.bucket
        self._settings = settings
        self.where = f"{settings.s3_endpoint}/{settings.bucket}"
        # Three attempts: a store that is gone is told in seconds, one that hangs in 3 minutes. One
        # that says it cannot answer now is waited for.
        config = Config(
            connect_timeout=CONNECT,
            read_timeout=silence,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path"},
            max_pool_connections=32,
            # By itself boto3 signs addresses, unlike requests, in the manner of 2006.
            signature_version="s3v4",
        )
        # A boto3 session is not thread-safe while it makes a client; a client is, once made.
        with translated(self.where, ""), MAKING:
            self._client = session().client(
                "s3",
                endpoint_url=settings.s3_endpoint,
                aws_access_key_id=settings.access_key,
                aws_secret_access_key=settings.secret_key,
                region_name=settings.region,
                config=config,
            )
        wait_for_answers(self._client, patience)

    def head(self, key: str) -> ObjectInfo | None:
        checked_key(key)
        try:
            with translated(self.where, key):
                answer = self._client.head_object(Bucket=self.name, Key=key)
                return ObjectInfo(
                    key, answer["ContentLength"], _etag(answer), answer["LastModified"]
                )
        except NotFound:
            return None

    def get(self, key: str) -> bytes:
        return self._get(checked_key(key))

    def download(self, key: str, path: Path) -> ObjectInfo:
        for _ in range(ATTEMPTS_AT_A_MOVING_OBJECT):
            info = self.head(key)
            if info is None:
                raise GONE.tell(key, "NoSuchKey")
            with suppress(PreconditionFailed), place_whole(path) as partial:
                self._fetch(info, partial)
                return info
        rule = "the object stays as it is while it is read"
        raise PreconditionFailed(key, rule, "a newer one each time", "Try again later.")

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        checked_key(key)
        # HTTP quotes an entity tag; an `ObjectInfo` holds it without.
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'
        digest = _md5(data)
        try:
            with translated(self.where, key):
                answer = self._client.put_object(
                    Bucket=self.name, Key=key, Body=data, ContentType=content_type, **condition
                )
        except (PreconditionFailed, NotFound) as error:
            landed = self._landed_unheard(key, digest, error)
            if landed is not None:
                return landed
            raise LOST.tell(key, error.came) from error
        with translated(self.where, key):
            _check(key, answer, digest)
            note_written(len(data))
            # A put is answered without the object's time; the answer's own is by the same clock.
            written = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
            return ObjectInfo(key, len(data), _etag(answer), written)

    def upload(
        self, path: Path, key: str, *, content_type: str = "application/octet-stream"
    ) -> ObjectInfo:
        size = path.stat().st_size
        if size < PART:
            return self.put(key, path.read_bytes(), content_type=content_type)
        checked_key(key)
        with translated(self.where, key), self._transfers() as transfers:
            extra = {"ContentType": content_type}
            transfers.upload(str(path), self.name, key, extra_args=extra).result()
        info = self.head(key)
        if info is None or info.size != size:
            came = "none" if info is None else info.size
            raise IntegrityError(key, f"{size} bytes lie there after writing", came, "Try again.")
        note_written(size)
        return info

    def delete(self, key: str) -> None:
        checked_key(key)
        with suppress(NotFound), translated(self.where, key):
            self._client.delete_object(Bucket=self.name, Key=key)

    def abandon_uploads(self, older_than: timedelta) -> int:
        with translated(self.where, ""):
            return abandon(self._client, self.name, datetime.now(UTC) - older_than)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        found = [
            ObjectInfo(row["Key"], row["Size"], _etag(row), row["LastModified"])
            for row in self._listed("Contents", Prefix=checked_prefix(prefix))
            if not row["Key"].endswith("/")  # what other tools put there to mark a folder
        ]
        # SeaweedFS orders by folder, S3 by bytes: a folder "a/" and a file "a-b" change places.
        yield from sorted(found)

    def folders(self) -> tuple[str, ...]:
        found = self._listed("CommonPrefixes", Delimiter="/")
        return tuple(sorted(row["Prefix"].rstrip("/") for row in found))

    def table(self, path: str) -> TableAddress:
        settings = self._settings
        # As texts: Delta Lake's object store takes no other. A commit is a put under a condition.
        options = {
            "AWS_ENDPOINT_URL": settings.s3_endpoint,
            "AWS_ACCESS_KEY_ID": settings.access_key,
            "AWS_SECRET_ACCESS_KEY": settings.secret_key,
            "AWS_REGION": settings.region,
            "AWS_ALLOW_HTTP": "true",
            "conditional_put": "etag",
            "connect_timeout": "3 seconds",
            "timeout": "120 seconds",
            "max_retries": "12",
            "retry_timeout": "300 seconds",
            # Each wait is drawn between both: together 6 to 12 s for a store that is busy or gone.
            "backoff_config.init_backoff": "500 ms",
            "backoff_config.max_backoff": "1 second",
        }
        return TableAddress(f"s3://{self.name}/{path}", options)

    def url(self, key: str) -> str:
        with translated(self.where, key):
            return str(
                self._client.generate_presigned_url(
                    "get_object",
                    Params={"Bucket": self.name, "Key": checked_key(key)},
                    ExpiresIn=LINK_SECONDS,
                )
            )

    def _transfers(self) -> Any:
        from boto3.s3.transfer import TransferConfig, TransferManager

        config = TransferConfig(
            multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=THREADS
        )
        return TransferManager(self._client, config)

    def _listed(self, kind: str, **options: str) -> tuple[Any, ...]:
        with translated(self.where, options.get("Prefix", "")):
            pages = self._client.get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.name, **options)
            # What every store tells: another server's answer would read as an empty bucket.
            return tuple(
                row for page in found if page["IsTruncated"] in (0, 1) for row in page.get(kind, ())
            )

    def _get(self, key: str, etag: str | None = None) -> bytes:
        condition = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with translated(self.where, key):
            answer = self._client.get_object(Bucket=self.name, Key=key, **condition)
            data: bytes = answer["Body"].read()
            _check(key, answer, _md5(data))
        note_read(len(data))
        return data

    def _fetch(self, info: ObjectInfo, partial: Path) -> None:
        with translated(self.where, info.key):
            if info.size < PART:
                partial.write_bytes(self._get(info.key, info.etag))
                return
            pinned = [_pinned(info)]
            with self._transfers() as transfers:
                transfers.download(self.name, info.key, str(partial), subscribers=pinned).result()
        came = partial.stat().st_size
        if came != info.size:
            raise IntegrityError(info.key, f"{info.size} bytes come", came, "Try again.")
        note_read(came)

    def _landed_unheard(self, key: str, digest: str, error: Exception) -> ObjectInfo | None:
        # Our own write, where its answer was lost: boto3 then repeats the request, which fails.
        response = getattr(error.__cause__, "response", {})
        if not response.get("ResponseMetadata", {}).get("RetryAttempts"):
            return None
        info = self.head(key)
        return info if info is not None and info.etag == digest else None


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')


def _check(key: str, answer: Any, digest: str) -> None:
    etag = _etag(answer)
    # An entity tag is the MD5 of the bytes only where the object is whole and not encrypted.
    own = not answer.get("ServerSideEncryption") and not answer.get("SSECustomerAlgorithm")
    if own and PLAIN_MD5.fullmatch(etag) and etag != digest:
        raise IntegrityError(key, f"the bytes are those of entity tag {etag}", digest, "Try again.")


def _pinned(info: ObjectInfo) -> Any:
    from boto3.s3.transfer import BaseSubscriber

    # Every part is asked for by this entity tag: a newer object midway is a 412, no mixture.
    class Pinned(BaseSubscriber):  # type: ignore[misc]
        def on_queued(self, future: Any, **_: Any) -> None:
            future.meta.provide_transfer_size(info.size)
            future.meta.provide_object_etag(f'"{info.etag}"')

    return Pinned()
