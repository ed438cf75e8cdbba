"""What boto3 raises, as our errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tasks.errors import (
    AccessDenied,
    ConfigurationError,
    IntegrityError,
    NotFound,
    PerennialError,
    PreconditionFailed,
    StoreError,
    StoreFull,
    StoreUnavailable,
)


@dataclass(frozen=True)
class Fault:
    """What an answer means: our error, its rule, and what to do; about the key or the store."""

    error: type[StoreError]
    rule: str
    remedy: str
    about_key: bool = False

    def tell(self, where: str, came: object) -> StoreError:
        """Return our error for what came of the key or the store."""
        return self.error(where, self.rule, came, self.remedy)


LOST = Fault(PreconditionFailed, "nobody else wrote meanwhile", "Read again and retry.", True)
GONE = Fault(NotFound, "there is such an object", "Look at what the folder holds.", True)
DENIED = Fault(
    AccessDenied,
    "the credentials open the bucket",
    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
)
SKEWED = Fault(AccessDenied, "both clocks agree", "Set this machine's clock.")
FULL = Fault(StoreFull, "the store has room left", "Free some space on its disk.")
SILENT = Fault(StoreUnavailable, "the store answers in time", "Run `perennial status`.")
BUSY = Fault(StoreUnavailable, "the store is ready", "Run `perennial status`.")
NO_BUCKET = Fault(StoreError, "the bucket exists", "Create it, or set PERENNIAL_BUCKET.")
FOREIGN = Fault(
    StoreError,
    "what answers there is an S3 store",
    "See who listens at that address, and check AWS_ENDPOINT_URL.",
)
OTHER = Fault(StoreError, "the request is carried out", "See the log of the store.")

CODES = {
    "NoSuchBucket": NO_BUCKET,
    "RequestTimeTooSkewed": SKEWED,
    "InsufficientStorage": FULL,
    "QuotaExceeded": FULL,
    "XMinioStorageFull": FULL,
    "RequestTimeout": BUSY,
}
WRITES = frozenset(
    {"PutObject", "CopyObject", "UploadPart", "UploadPartCopy"}
    | {"CreateMultipartUpload", "CompleteMultipartUpload"}
)
# S3 answers 409 where two conditional writes meet, 412 where a condition does not hold.
STATUSES = {401: DENIED, 403: DENIED, 404: GONE, 409: LOST, 412: LOST}
STATUSES |= {503: BUSY, 504: BUSY, 507: FULL}


def refusal(code: str, status: int, message: str, *, store: str, key: str) -> StoreError:
    """Return our error for what an S3 answer says: its code, HTTP status and message.

    >>> print(refusal("NoSuchKey", 404, "", store="http://127.0.0.1:8333/perennial", key="a.csv"))
    a.csv: there is such an object; got NoSuchKey. Look at what the folder holds.
    >>> refusal("SignatureDoesNotMatch", 403, "", store="…", key="a.csv").__class__.__name__
    'AccessDenied'
    """
    fault = CODES.get(code) or STATUSES.get(status, OTHER)
    came = f"{code}: {message.rstrip('.')}" if message and message != code else code
    return fault.tell(key if fault.about_key else store, came)


@contextmanager
def translated(store: str, key: str) -> Iterator[None]:
    """Turn what the vendor raises inside the block into our errors, the cause kept.

    Raises:
        StoreError: whatever went wrong with the store, or StoreFull for the local disk.
        IntegrityError: the bytes came damaged.
        ConfigurationError: the endpoint or the bucket cannot be one.
    """
    try:
        yield
    except PerennialError:
        raise
    except Exception as error:
        ours = _ours(error, store, key)
        if ours is None:
            raise
        raise ours from error


def _ours(error: Exception, store: str, key: str) -> PerennialError | None:
    from boto3.s3.transfer import S3TransferRetriesExceededError
    from botocore import exceptions as vendor
    from botocore.parsers import ResponseParserError

    # None of these says that a write did not happen; `S3Bucket.put` looks for its own.
    silent = (vendor.ConnectionError, vendor.HTTPClientError, S3TransferRetriesExceededError)
    ours: PerennialError | None = None
    # A transfer may wrap what the store answered to one of its parts.
    answered = next(
        (e for e in (error, error.__context__) if isinstance(e, vendor.ClientError)), None
    )
    if answered is not None:
        ours = _answered(answered, store, key)
    elif isinstance(error, vendor.FlexibleChecksumError):
        ours = IntegrityError(key, "the bytes match their checksum", error, "Try again.")
    elif isinstance(error, silent):
        unreached = isinstance(error, vendor.EndpointConnectionError | vendor.ConnectTimeoutError)
        came = "no connection" if unreached else f"no answer ({type(error).__name__})"
        ours = SILENT.tell(store, came)
    elif isinstance(error, KeyError | ResponseParserError):
        missing = error.args[0] if isinstance(error, KeyError) else "XML"
        ours = FOREIGN.tell(store, f"an answer without {missing}")
    elif isinstance(error, vendor.BotoCoreError | ValueError):
        remedy = "Check AWS_ENDPOINT_URL and PERENNIAL_BUCKET."
        ours = ConfigurationError(store, "the request can be made", error, remedy)
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        ours = StoreFull("local disk", "there is room left", error.strerror, "Free some space.")
    return ours


def _answered(error: Any, store: str, key: str) -> StoreError:
    said, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    status = int(answer.get("HTTPStatusCode", 0))
    server = answer.get("HTTPHeaders", {}).get("server", "")
    # SeaweedFS 4.48 answers writes with 500 when its disk is full; reading still works then.
    if status == 500 and error.operation_name in WRITES and server.startswith("SeaweedFS"):
        status = 507
    return refusal(code, status, message, store=store, key=key)
