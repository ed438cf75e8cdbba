"""End a pipeline: its file is set aside, and its data go only where a person asks for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from tasks.config import pipeline_names
from tasks.errors import ConfigurationError, did_you_mean
from tasks.faults import external_write
from tasks.ledger.entry import Entry
from tasks.policy.reading import count_text
from tasks.store.layout import Layout, checked_name, is_name
from tasks.workspace import Place

ENDED = ".ended"  # behind the file's name: no `*.yaml` any more, and brought back by renaming
EVERY = 200  # objects between two lines of progress


def check_known(place: Place, folder: Path) -> Path:
    """Return where the pipeline's file lies, or lay; it may be set aside already.

    Raises:
        ConfigurationError: neither a file nor any data has this name.
    """
    path = folder / f"{checked_name(place.name)}.yaml"
    known = {*pipeline_names(folder), *filter(is_name, place.bucket.folders())}
    if place.name not in known and not ended_file(path).exists():
        listed = ", ".join(sorted(known)) or "none"
        remedy = f"{did_you_mean(place.name, known)} Known: {listed}.".strip()
        raise ConfigurationError(f"pipeline {place.name}", "no such pipeline", remedy=remedy)
    return path


def ended_file(path: Path) -> Path:
    """Return where the file of an ended pipeline lies.

    >>> str(ended_file(Path("pipelines/taxis.yaml")))
    'pipelines/taxis.yaml.ended'
    """
    return path.with_name(path.name + ENDED)


def end_pipeline(place: Place, path: Path, by: str, why: str, *, data: bool = False) -> Entry:
    """Set the pipeline's file aside and record the end; again, it does what is left to do.

    With `data`, what it records is that the data go as well: nobody brings a pointer back then.
    """
    with external_write("end.file"):
        if path.exists():
            path.replace(ended_file(path))
    now = datetime.now(UTC)
    entry = Entry(
        # A file that was brought back may end again: the time makes two ids of it.
        id=f"end-{place.name}-{now:%Y%m%d%H%M%S%f}",
        at=now,
        pipeline=place.name,
        kind="end",
        version=None,
        by=by,
        summary=f"{place.name} is ended, and its data {'go' if data else 'stay'}: {why}",
        figures={"file": ended_file(path).name, "data": data},
    )
    entries = place.ledger.entries()
    said = [(last.kind, last.figures.get("data", False)) for last in entries[-1:]]
    if said and said[0] not in (("end", True), ("end", data)):
        with external_write("end.ledger"):
            place.ledger.append(entry)
    return entry


def delete_data(place: Place, say: Callable[[str], None]) -> int:
    """Remove everything that lies in the pipeline's folder; return how many objects those were.

    The pointers go first: nothing is put in service any more whose model is half gone.
    """
    layout = Layout(place.name)
    found = [info.key for info in place.bucket.list(f"{layout.pipeline}/")]
    with external_write("end.data"):
        for number, key in enumerate(_in_order(found, layout), start=1):
            place.bucket.delete(key)
            if number % EVERY == 0:
                say(f"{number:,} of {count_text(len(found), 'object', 'objects')} removed")
    return len(found)


def _in_order(keys: Iterable[str], layout: Layout) -> list[str]:
    """Return the keys as they are to go: pointers, what waits to come in, the rest.

    >>> _in_order(["a/ledger/1", "a/incoming/x.csv", "a/champion.json"], Layout("a"))
    ['a/champion.json', 'a/incoming/x.csv', 'a/ledger/1']
    """
    first = (layout.champion, layout.challenger, layout.incoming, layout.labels_incoming)

    def rank(key: str) -> tuple[int, str]:
        return next((n for n, part in enumerate(first) if key.startswith(part)), len(first)), key

    return sorted(keys, key=rank)
