"""Landings that do what a file, a rival or an error of ours makes them do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.data.table import Table
from tasks.ingestion.entrance import Entrance
from tasks.ingestion.landing import Downloaded, Judged, Landed, Landing, Say
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Meeting:
    """A landing where something happens right after the first judgement."""

    real: Landing[Any]
    happens: Callable[[], object]

    @property
    def workspace(self) -> Workspace:
        return self.real.workspace

    @property
    def entrance(self) -> Entrance:
        return self.real.entrance

    @property
    def table(self) -> Table:
        return self.real.table

    def judge(
        self, arrived: Downloaded, version: int | None, before: Judged | None, say: Say
    ) -> Judged:
        judged = self.real.judge(arrived, version, before, say)
        if before is None:
            self.happens()
        return judged

    def publish(self, judged: Any) -> None:
        self.real.publish(judged)

    def append(self, arrived: Downloaded, judged: Any, after: int) -> Landed | None:
        return self.real.append(arrived, judged, after)

    def recall(self, batch: str, version: int) -> Landed:
        return self.real.recall(batch, version)

    def restate(self, arrived: Downloaded, judged: Any, landed: Landed, say: Say) -> None:
        self.real.restate(arrived, judged, landed, say)


def stumbling(landing: Landing[Any]) -> Meeting:
    """Return a landing that fails at every file as an error of ours would, with a value in it."""

    def fail() -> None:
        raise RuntimeError("cannot convert 'Ann' to a number: Ann,3")

    return Meeting(landing, fail)
