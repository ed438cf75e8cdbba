"""One scoring from its start to its end, however often it is killed: what it is pinned to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from tasks.documents import seal, unseal_bytes
from tasks.errors import NotFound, PreconditionFailed
from tasks.faults import external_write
from tasks.features.history import Known
from tasks.labels.known import Versions
from tasks.promotion.model_version import ModelVersion
from tasks.records import plain, read
from tasks.scoring.sources import RowSource
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.workspace import Workspace

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pin:
    """The version that scores, its manifest's digest, and the version of a source that is a table.

    `rows` is about how many rows are in a part: it decides where the parts end. `known` are the
    versions of the tables that a history is looked up in; None for a model without one.
    """

    version: int
    digest: str
    data_version: int | None
    rows: int
    known: Versions | None = None

    @property
    def read(self) -> str:
        """Name what it reads besides the source: its version, and what was known then."""
        known = self.known
        looked_up = "" if known is None else f"-{known.data}-{known.labels}"
        return ("" if self.data_version is None else f"-{self.data_version}") + looked_up


@dataclass(frozen=True)
class Scoring:
    """What one scoring works with; `target` is where its output lies in the bucket.

    `known` are the targets that a history is looked up in, where the model has one; `identity`
    are the columns by which a row is known again.
    """

    workspace: Workspace
    model: ModelVersion
    rows: RowSource
    run: str
    pin: Pin
    target: str
    say: Say
    known: Known | None = None
    identity: tuple[str, ...] = ()

    @property
    def to_table(self) -> bool:
        """Whether the output is a Delta table."""
        return not self.target.endswith(".parquet")

    @property
    def transaction(self) -> str:
        """Name the commit of all parts; the same rows by the same model have the same name."""
        # a table is another one at another version, though its run has the same name
        return f"score-{self.run}{self.pin.read}-{self.pin.digest[:32]}"


def name_run(identity: str, output: str | None) -> str:
    """Name the scoring of one source into one output.

    >>> name_run("ab12", None) == name_run("ab12", None) != name_run("ab12", "s3://perennial/out")
    True
    """
    return hashlib.sha256(f"{identity} {output or ''}".encode()).hexdigest()[:32]


def pin_scoring(bucket: Bucket, layout: Layout, run: str, propose: Callable[[], Pin]) -> Pin:
    """Return what an earlier start was pinned to, else pin what is proposed.

    Raises:
        IntegrityError: the pin is damaged.
    """
    pinned = _read(bucket, layout, run)
    if pinned is not None:
        return pinned
    proposed = propose()
    content = json.dumps(seal("pin", plain(proposed)), sort_keys=True).encode()
    try:
        with external_write("score.pin"):
            bucket.put(
                layout.scoring_pin(run), content, if_absent=True, content_type="application/json"
            )
    # another process began the same scoring since we looked: its pin counts for both
    except PreconditionFailed:
        return _read(bucket, layout, run) or proposed
    return proposed


def forget_scoring(bucket: Bucket, layout: Layout, run: str) -> None:
    """Forget a scoring that is done, or whose source has to be mended."""
    # the pin first, so that the next one starts anew whatever a death leaves here
    bucket.delete(layout.scoring_pin(run))
    for info in bucket.list(layout.scoring(run)):
        bucket.delete(info.key)


def _read(bucket: Bucket, layout: Layout, run: str) -> Pin | None:
    where = layout.scoring_pin(run)
    try:
        data = bucket.get(where)
    except NotFound:
        return None
    remedy = "Remove it, and score again from the start."
    content = unseal_bytes("pin", data, where, remedy)
    return read(Pin, content, where, "it says what a scoring is pinned to")
