"""What is particular to landing rows or labels; `tasks.ingestion.land` does what is common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from tasks.data.table import Table
from tasks.ingestion.entrance import Entrance
from tasks.labels.join import Counts
from tasks.store.bucket import ObjectInfo
from tasks.validation.report import Report
from tasks.workspace import Workspace

Say = Callable[[str], None]


@dataclass(frozen=True)
class Downloaded:
    """One object that was downloaded to `path`; `batch` is the SHA-256 of its bytes.

    `folder` takes the temporary files of whoever judges it.
    """

    info: ObjectInfo
    batch: str
    path: Path
    folder: Path


@dataclass(frozen=True)
class Landed:
    """What became of an object: the table's version that took it, or why it is in quarantine.

    `rows` were added by this call, which made the `report`; `counts` are those of labels.
    """

    outcome: Literal["accepted", "quarantined", "already", "removed"]
    batch: str
    version: int | None
    reasons: tuple[str, ...] = ()
    rows: int = 0
    report: Report | None = None
    counts: Counts | None = None

    @property
    def stands(self) -> Literal["accepted", "quarantined", "removed"]:
        """Where the batch is, also when it was there before."""
        if self.outcome == "removed":
            return "removed"
        return "quarantined" if self.version is None else "accepted"


class Judgement(Protocol):
    """What was found in an object at one version of the table."""

    @property
    def report(self) -> Report:
        """Says by `accepted` whether the object may land."""


Judged = TypeVar("Judged", bound=Judgement)


class Landing(Protocol[Judged]):
    """One kind of object: where it arrives, how it is judged against the table, how it is added."""

    @property
    def workspace(self) -> Workspace:
        """The pipeline and its bucket."""

    @property
    def entrance(self) -> Entrance:
        """Where the objects arrive, and are quarantined."""

    @property
    def table(self) -> Table:
        """The table that takes them."""

    def judge(
        self, arrived: Downloaded, version: int | None, before: Judged | None, say: Say
    ) -> Judged:
        """Judge the object against this version of the table, going on from what was found before.

        A refusal is a report that does not accept, never an exception.
        """

    def publish(self, judged: Judged) -> None:
        """Write down what was found, before it lands; again it says the same."""

    def append(self, arrived: Downloaded, judged: Judged, after: int) -> Landed | None:
        """Add what was judged as the commit that follows version `after` (-1: no table yet).

        None where this batch landed meanwhile.

        Raises:
            PreconditionFailed: another commit was first; nothing was written.
        """

    def recall(self, batch: str, version: int) -> Landed:
        """Return what is known of a batch that the table has held since this version."""

    def restate(self, arrived: Downloaded, judged: Judged | None, landed: Landed, say: Say) -> None:
        """Publish again what was true when the batch landed, which another process brought about.

        `judged` is what this one published meanwhile, if it did.
        """
