"""Pipelines and batches that these tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.validation.batch import Examination, Examiner
from tasks.validation.contract import Agreed
from tasks.validation.suite import find_suite
from tasks.validation.updates import KnownRows

HEADER = "visit,at,name,age,ward,cost,insured,stays\n"
BATCH = "ab" * 32


def people(name: str = "people", **data: Any) -> Pipeline:
    """Return a pipeline whose column `name` is personal."""
    settings = {"suite": "tests.suites.people", "personal": ["name"], **data}
    return Pipeline.model_validate(
        {
            "name": name,
            "task": "binary",
            "target": "stays",
            "event_time": "at",
            "key": ["visit"],
            "data": settings,
        }
    )


def row(number: int, **values: str) -> str:
    """Return one good line of a CSV file, with some values replaced."""
    good = {
        "visit": f"v{number}",
        "at": f"2024-01-{1 + number % 28:02d}T08:30:00Z",
        "name": f"Person {number}",
        "age": str(20 + number % 60),
        "ward": "ABC"[number % 3],
        "cost": f"{number % 7}.5",
        "insured": "true",
        "stays": str(number % 2),
    }
    return ",".join({**good, **values}.values()) + "\n"


def csv(rows: int, **values: str) -> str:
    """Return a good CSV file; in its last row some values are replaced."""
    lines = [row(number) for number in range(rows - 1)]
    return HEADER + "".join(lines) + row(rows - 1, **values)


def examined(
    folder: Path,
    name: str,
    content: bytes,
    pipeline: Pipeline | None = None,
    *,
    suite: Suite | None = None,
    contract: pa.Schema | None = None,
    known: KnownRows | None = None,
) -> Examination:
    """Examine these bytes as an object of this name."""
    pipeline = pipeline or people()
    path = folder / "object"
    path.write_bytes(content)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    suite = suite or find_suite(pipeline.suite)
    said: list[str] = []
    examiner = Examiner(pipeline, suite, Agreed(contract, known), work, said.append)
    return examiner.examine(path, name, BATCH)
