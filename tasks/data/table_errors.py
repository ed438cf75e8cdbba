"""What Delta Lake's object store says, as our errors. It only says it in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import DataError, PerennialError, StoreError
from tasks.store.s3_errors import DENIED, FULL, NO_BUCKET, SILENT

LIMIT = 300  # characters; the store sends whole XML documents
NOISE = re.compile(r"\x1b\[[0-9;]*m|↳|\s+")  # colours, arrows and line ends
STREAM = "C Data interface error"  # raised while our rows were read, so the rows are at fault
ENDPOINT = re.compile(r"https?://[^/\s]+")

# Words that tell a fault, what came, and what it means. The first that is met counts.
FAULTS = (
    (
        re.compile(r"SignatureDoesNotMatch|InvalidAccessKeyId|40[13] \w+|privileges|os error 13"),
        "a refusal",
        DENIED,
    ),
    (
        # SeaweedFS answers a write with status 500 when its disk is full.
        re.compile(
            r"No space left|os error 28|InsufficientStorage|performing (PUT|POST) .*50[07] \w+"
        ),
        "no space",
        FULL,
    ),
    (re.compile(r"NoSuchBucket"), "no such bucket", NO_BUCKET),
    (
        re.compile(r"Connection re(fused|set)|timed out|error sending request|50[34] \w+"),
        "no answer",
        SILENT,
    ),
)


def explain(text: str, where: str) -> PerennialError:
    """Return our error for what Delta Lake or its object store said.

    >>> said = "Generic S3 error: GET http://127.0.0.1:8333/b/t - Connection refused (os error 111)"
    >>> print(explain(said, "s3://b/t"))
    s3://b/t: the store answers in time; got no answer from http://127.0.0.1:8333. \
Run `perennial status`.
    """
    said = " ".join(NOISE.sub(" ", text).split())
    if STREAM in said:
        came = said.partition(STREAM)[2].strip(": ")[:LIMIT]
        return DataError(where, "every row can be read and fits its column", came)
    for words, what, fault in FAULTS:
        if words.search(said):
            server = ENDPOINT.search(said)
            return fault.tell(where, f"{what} from {server[0]}" if server else what)
    return StoreError(where, "the table can be read and written", said[:LIMIT])


def others_won(where: str) -> StoreError:
    """Return the error of a commit that other writers were before each time."""
    return StoreError(where, "the commit wins in time", "other writers", "Run it again.")


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """Turn what Delta Lake raises inside the block into our errors, the cause kept."""
    try:
        yield
    except PerennialError:
        raise
    except Exception as error:
        raise explain(str(error), where) from error
