"""The bucket on any S3-compatible store: the only door of boto3."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from tasks.errors import IntegrityError, NotFound, PreconditionFailed
from tasks.settings import Settings
from tasks.store.bucket import ObjectInfo, TableAddress
from tasks.store.keys import checked_key, checked_prefix
from tasks.store.s3_errors import refusal, translated

MIB = 1024 * 1024
PART = 16 * MIB
THREADS = 4
PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")
ATTEMPTS_AT_A_MOVING_OBJECT = 3
MAKING = Lock()


@cache
def session() -> Any:
    """Return this process's boto3 session, with S3's description read.

    A session of its own would read it anew for each client, which takes 0.15 s.
    """
    import boto3

    made = boto3.session.Session()
    # with keys of its own, or it would look for some in files and on the network
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "-")
    made.client("s3", region_name="none", **keys)
    return made


def client(**options: Any) -> Any:
    """Make an S3 client; a session makes one at a time."""
    with MAKING:
        return session().client("s3", **options)


class S3Bucket:
    """One bucket of an S3-compatible store, with a bounded wait for every answer.

    Connecting takes at most 3 s and each answer 60 s, three attempts in all. Safe to share
    between threads.
    """

    def __init__(self, settings: Settings) -> None:
        from botocore.config import Config

        self.name = settings.bucket
        self._settings = settings
        self.where = f"{settings.s3_endpoint}/{settings.bucket}"
        config = Config(
            connect_timeout=3,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path"},
            max_pool_connections=32,
        )
        with translated(self.where, ""):
            self._client = client(
                endpoint_url=settings.s3_endpoint,
                aws_access_key_id=settings.access_key,
                aws_secret_access_key=settings.secret_key,
                region_name=settings.region,
                config=config,
            )

    def head(self, key: str) -> ObjectInfo | None:
        """Return the object's facts, or None where there is no such object."""
        checked_key(key)
        try:
            with translated(self.where, key):
                answer = self._client.head_object(Bucket=self.name, Key=key)
        except NotFound:
            return None
        return ObjectInfo(key, answer["ContentLength"], _etag(answer), answer["LastModified"])

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: there is no such object.
            IntegrityError: the bytes are not those that the entity tag names.
        """
        return self._get(checked_key(key))[0]

    def download(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to `path` in bounded memory; `path` appears whole or not at all.

        Raises:
            NotFound: there is no such object.
            PreconditionFailed: the object changed at every attempt.
            StoreFull: the local disk has no room left.
            IntegrityError: the bytes are not those that the entity tag names.
        """
        for _ in range(ATTEMPTS_AT_A_MOVING_OBJECT):
            info = self.head(key)
            if info is None:
                raise refusal("NoSuchKey", 404, "", store=self.where, key=key)
            partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
            try:
                self._fetch(info, partial)
                partial.replace(path)
                return info
            except PreconditionFailed:
                continue
            finally:
                partial.unlink(missing_ok=True)
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
        """Write the object, under a condition if one is given.

        Raises:
            PreconditionFailed: the condition did not hold; nothing was written.
        """
        checked_key(key)
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'
        digest = _md5(data).hexdigest()
        try:
            with translated(self.where, key):
                answer = self._client.put_object(
                    Bucket=self.name, Key=key, Body=data, ContentType=content_type, **condition
                )
        except (PreconditionFailed, NotFound) as error:
            landed = self._landed_unheard(key, digest, error)
            if landed is not None:
                return landed
            rule, remedy = "nobody else wrote meanwhile", "Read again and retry."
            raise PreconditionFailed(key, rule, error.came, remedy) from error
        _check(key, answer, digest)
        written = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return ObjectInfo(key, len(data), _etag(answer), written)

    def upload(
        self, path: Path, key: str, *, content_type: str = "application/octet-stream"
    ) -> ObjectInfo:
        """Write a local file in bounded memory; the object appears whole or not at all.

        Raises:
            IntegrityError: what lies there afterwards is not as long as the file.
        """
        size = path.stat().st_size
        if size < PART:
            return self.put(key, path.read_bytes(), content_type=content_type)
        checked_key(key)
        with translated(self.where, key), self._transfers() as transfers:
            extra = {"ContentType": content_type}
            transfers.upload(str(path), self.name, key, extra_args=extra).result()
        return self._arrived(key, size)

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy inside the bucket, part by part where the object is large.

        Raises:
            NotFound: there is no such object.
        """
        checked_key(source), checked_key(target)
        info = self.head(source)
        if info is None:
            raise refusal("NoSuchKey", 404, "", store=self.where, key=source)
        with translated(self.where, source), self._transfers() as transfers:
            origin = {"Bucket": self.name, "Key": source}
            transfers.copy(origin, self.name, target).result()
        return self._arrived(target, info.size)

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is not an error."""
        checked_key(key)
        with suppress(NotFound), translated(self.where, key):
            self._client.delete_object(Bucket=self.name, Key=key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object under `prefix`, ordered by key; folder markers are left out."""
        checked_prefix(prefix)
        found: list[ObjectInfo] = []
        with translated(self.where, prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                found += [_listed(row) for row in page.get("Contents", ())]
        # SeaweedFS orders by folder, S3 by bytes: a folder "a/" and a file "a-b" change places.
        yield from sorted(info for info in found if not info.key.endswith("/"))

    def folders(self) -> tuple[str, ...]:
        """Return the names of the bucket's top-level folders, in order."""
        with translated(self.where, ""):
            pages = self._client.get_paginator("list_objects_v2")
            found = [
                row["Prefix"].rstrip("/")
                for page in pages.paginate(Bucket=self.name, Delimiter="/")
                for row in page.get("CommonPrefixes", ())
            ]
        return tuple(sorted(found))

    def table(self, path: str) -> TableAddress:
        """Return the address of the Delta table at `path`, which need not be there yet."""
        settings = self._settings
        options = {
            "AWS_ENDPOINT_URL": settings.s3_endpoint,
            "AWS_ACCESS_KEY_ID": settings.access_key,
            "AWS_SECRET_ACCESS_KEY": settings.secret_key,
            "AWS_REGION": settings.region,
            "AWS_ALLOW_HTTP": "true",
            "conditional_put": "etag",
            "connect_timeout": "3 seconds",
            "timeout": "120 seconds",
            "max_retries": "3",
            "retry_timeout": "300 seconds",
        }
        return TableAddress(f"s3://{self.name}/{path}", options)

    def url(self, key: str) -> str:
        """Return the address under which a person finds the object."""
        return f"{self.where}/{key}"

    def _transfers(self) -> Any:
        from boto3.s3.transfer import TransferConfig, TransferManager

        config = TransferConfig(
            multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=THREADS
        )
        return TransferManager(self._client, config)

    def _get(self, key: str, etag: str | None = None) -> tuple[bytes, Any]:
        condition = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with translated(self.where, key):
            answer = self._client.get_object(Bucket=self.name, Key=key, **condition)
            data: bytes = answer["Body"].read()
        _check(key, answer, _md5(data).hexdigest())
        return data, answer

    def _fetch(self, info: ObjectInfo, partial: Path) -> None:
        with translated(self.where, info.key):
            if info.size < PART:
                partial.write_bytes(self._get(info.key, info.etag)[0])
                return
            with self._transfers() as transfers:
                transfers.download(
                    self.name, info.key, str(partial), subscribers=[_pinned(info)]
                ).result()
        came = partial.stat().st_size
        if came != info.size:
            raise IntegrityError(info.key, f"{info.size} bytes come", came, "Try again.")

    def _arrived(self, key: str, size: int) -> ObjectInfo:
        info = self.head(key)
        if info is None or info.size != size:
            came = "none" if info is None else info.size
            raise IntegrityError(key, f"{size} bytes lie there after writing", came, "Try again.")
        return info

    def _landed_unheard(self, key: str, digest: str, error: Exception) -> ObjectInfo | None:
        """Find our own write, where its answer was lost and the repeated request then failed."""
        response = getattr(error.__cause__, "response", {})
        if not response.get("ResponseMetadata", {}).get("RetryAttempts"):
            return None
        info = self.head(key)
        return info if info is not None and info.etag == digest else None


def _md5(data: bytes) -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')


def _listed(row: Any) -> ObjectInfo:
    return ObjectInfo(row["Key"], row["Size"], _etag(row), row["LastModified"])


def _check(key: str, answer: Any, digest: str) -> None:
    """Compare with the entity tag, which is the MD5 of whole, unencrypted objects."""
    etag = _etag(answer)
    own = not answer.get("ServerSideEncryption") and not answer.get("SSECustomerAlgorithm")
    if own and PLAIN_MD5.fullmatch(etag) and etag != digest:
        raise IntegrityError(key, f"the bytes are those of entity tag {etag}", digest, "Try again.")


def _pinned(info: ObjectInfo) -> Any:
    """Make every part of a transfer come from the same version of the object."""
    from boto3.s3.transfer import BaseSubscriber

    class Pinned(BaseSubscriber):  # type: ignore[misc]
        def on_queued(self, future: Any, **_: Any) -> None:
            future.meta.provide_transfer_size(info.size)
            future.meta.provide_object_etag(f'"{info.etag}"')

    return Pinned()
