"""Which pages a pipeline has in its bucket, by kind, told from the keys alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tasks.errors import ConfigurationError, did_you_mean
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

# A kind of page: the folder of its topic, and how its key ends.
PAGES: Mapping[str, tuple[str, str]] = {
    "drift": ("monitoring", "/drift.html"),
    "backtest": ("backtest", ".html"),
    "explanation": ("explanation", "/explanation.html"),
    "card": ("card", ".html"),
    "validation": ("validation", ".html"),
}
# What makes the first page of a kind.
MADE_BY: Mapping[str, str] = {
    "drift": "a batch that drifted; `perennial monitor {name}` looks for one",
    "backtest": "`perennial backtest {name}`",
    "explanation": "`perennial train {name}`",
    "card": "`perennial train {name}`",
    "validation": "`perennial ingest {name} FILE`",
}


@dataclass(frozen=True)
class StoredPage:
    """One page: its kind, what it is of (a batch, a version, a backtest), where it lies, since."""

    kind: str
    of: str
    key: str
    at: datetime


def find_pages(bucket: Bucket, layout: Layout, kind: str) -> tuple[StoredPage, ...]:
    """Return the pages of a kind, the newest first."""
    topic, ending = PAGES[kind]
    folder = layout.report(topic, "")
    found = [
        StoredPage(
            kind, info.key.removeprefix(folder).removesuffix(ending), info.key, info.modified
        )
        for info in bucket.list(folder)
        if info.key.endswith(ending)
    ]
    return tuple(sorted(found, key=lambda page: (page.at, page.key), reverse=True))


def pick_page(bucket: Bucket, layout: Layout, kind: str, of: str | None = None) -> StoredPage:
    """Return the newest page of a kind, or the one of a batch or version that begins so.

    Raises:
        ConfigurationError: there is none.
    """
    found = find_pages(bucket, layout, kind)
    fits = [page for page in found if of is None or page.of == of]
    fits = fits or [page for page in found if of is not None and page.of.startswith(of)]
    if fits:
        return fits[0]
    where, name = f"{kind} of {layout.pipeline}", layout.pipeline
    if found:
        known = [page.of for page in found]
        listed = ", ".join(there[:12] for there in known[:5])
        remedy = f"{did_you_mean(of or '', known)} The newest: {listed}.".strip()
        raise ConfigurationError(where, f"there is no page of {of}", remedy=remedy)
    remedy = f"One is made by {MADE_BY[kind].format(name=name)}."
    raise ConfigurationError(where, "there is no such page yet", remedy=remedy)
