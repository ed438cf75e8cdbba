"""A recorded year: what the ledger and the tables of a pipeline said, as one file keeps it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.past import ChampionLineage
from tasks.policy.limits import Limits
from tasks.policy.situation import ErrorChange, MetricValue
from tasks.quantities import Budget
from tasks.records import read
from tasks.settings import REPOSITORY

YEAR = REPOSITORY / "tests" / "golden" / "year.json.gz"


@dataclass(frozen=True)
class Year:
    """What a past is made of; `errors` is what a detector had found after each batch."""

    policy: str
    limits: Limits
    greater_is_better: bool
    champions: Mapping[int, ChampionLineage]
    arrivals: tuple[Arrival, ...]
    errors: Mapping[str, ErrorChange | None]
    entries: tuple[Entry, ...]


def recorded(path: Path = YEAR) -> Year:
    """Read a year."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    count, days = content["budget"]
    limits = {**content["limits"], "budget": Budget(count, timedelta(days=days))}
    limits["cooldown"] = timedelta(seconds=content["limits"]["cooldown"])
    return Year(
        content["policy"],
        Limits(**limits),
        content["greater_is_better"],
        {one["version"]: _champion(one) for one in content["champions"]},
        tuple(
            Arrival(**{**one, "at": datetime.fromisoformat(one["at"])})
            for one in content["arrivals"]
        ),
        {
            batch: None if found is None else ErrorChange(**found)
            for batch, found in content["errors"].items()
        },
        tuple(read(Entry, one, YEAR.name) for one in content["entries"]),
    )


def _champion(content: dict[str, Any]) -> ChampionLineage:
    until = datetime.fromisoformat(content["fitted_until"])
    reference = MetricValue.from_dict(content["reference"])
    without = tuple(content["without"])
    return ChampionLineage(
        **{**content, "fitted_until": until, "reference": reference, "without": without}
    )
