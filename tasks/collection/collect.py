"""Landing what a source gives: each row in one object of `incoming/`, whoever dies when.

An object of composed rows is named before its bytes are known, by its number, and is written only
where none is: of two collectors, or of two lives of one, a single object lands. What stands behind
it is written down before it lands, so that whoever finds it there knows where to go on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tasks.collection.collector import Collector, Say, SourcePage, section_of
from tasks.collection.progress import Begun, SourceProgress, read_progress, write_progress
from tasks.errors import IntegrityError, PreconditionFailed
from tasks.faults import external_write
from tasks.policy.reading import count_text
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Collected:
    """What one collecting landed: the keys of its objects, and their rows where counted.

    It was `overtaken` where another collector landed the next object first; that one goes on.
    """

    outcome: Literal["collected", "nothing", "overtaken"]
    keys: tuple[str, ...] = ()
    rows: int = 0


class _Overtaken(Exception):
    """Another collector was first."""


def collect(workspace: Workspace, collector: Collector, say: Say) -> Collected:
    """Land everything that stands behind the committed cursor, page by page.

    Safe to run twice, at once, or again after it died anywhere: each page lands once, and the next
    one follows it without a gap, also where the source changed in between.

    Raises:
        SourceUnavailable: the source gave no answer; what landed before stays.
        DataError: an answer is not what the pipeline file says.
        ConfigurationError: the pipeline collects nothing, or the source cannot be asked.
        StoreError: the bucket did not do what was asked.
    """
    keys: list[str] = []
    rows = 0
    outcome: Literal["collected", "nothing", "overtaken"]
    try:
        landing = _Landing(workspace, say)
        for page in collector.pages(landing.progress.place):
            key = landing.land(page)
            if key is not None:
                keys.append(key)
                rows += page.rows or 0
        landing.finish()
        outcome = "collected" if keys else "nothing"
    except _Overtaken:
        say("Another collector was first: it goes on.")
        outcome = "overtaken"
    return Collected(outcome, tuple(keys), rows)


class _Landing:
    """The progress as this process knows it, with its entity tag."""

    def __init__(self, workspace: Workspace, say: Say) -> None:
        self._workspace, self._say = workspace, say
        options = section_of(workspace.pipeline)
        found = read_progress(workspace)
        self._etag = None if found is None else found[1]
        self._unwritten: SourceProgress | None = None
        self.progress = SourceProgress(options.identity) if found is None else found[0]
        # An object of the old source may be there, and its rows are the old source's: first that.
        self._settle()
        if self.progress.source != options.identity:
            say("Another source than before: collecting starts at the beginning.")
            # Written with its first object: a slip in the file, mended, finds the old place again.
            self.progress = self._unwritten = SourceProgress(options.identity)

    def land(self, page: SourcePage) -> str | None:
        """Land one page and commit what stands behind it; return the key of its object, if any."""
        bucket, layout = self._workspace.bucket, self._workspace.layout
        behind = replace(self.progress, cursor=page.cursor.text, begun=())
        if isinstance(page.data, Path):
            key = f"{layout.collected}{page.name}"
            with external_write("collect.object"):
                bucket.upload(page.data, key)
        elif page.data:
            return self._compose(page, page.data)
        else:
            if self.progress is not self._unwritten:
                self.commit(behind)
            return None
        counted = replace(behind, objects=behind.objects + 1, rows=behind.rows + (page.rows or 0))
        self.commit(counted)
        return self._told(key, page)

    def finish(self) -> None:
        """Write down that all of it was collected, unless another source has nothing at all."""
        if self.progress is not self._unwritten:
            self.commit(replace(self.progress, looked=datetime.now(UTC)))

    def commit(self, progress: SourceProgress) -> None:
        with external_write("collect.commit"):
            self._write(progress)

    def _compose(self, page: SourcePage, data: bytes) -> str:
        life, number = self.progress.life, self.progress.number + 1
        key = f"{self._workspace.layout.collected}{life}-{number:06}{page.suffix}"
        begun = Begun(key, hashlib.sha256(data).hexdigest(), page.cursor.text, page.rows)
        if begun not in self.progress.begun:
            with external_write("collect.begin"):
                self._write(replace(self.progress, begun=(*self.progress.begun, begun)))
        try:
            with external_write("collect.object"):
                self._workspace.bucket.put(key, data, if_absent=True)
            self._count(begun)
        except PreconditionFailed:
            # Of another attempt, whoever made it: that one's bytes count, and what follows them.
            self._settle()
        if self.progress.cursor != page.cursor.text:
            raise _Overtaken
        return self._told(key, page)

    def _told(self, key: str, page: SourcePage) -> str:
        rows = "" if page.rows is None else f": {count_text(page.rows, 'row', 'rows')}"
        self._say(f"landed {key.rpartition('/')[2]}{rows}")
        return key

    def _settle(self) -> None:
        """Commit the object that was begun, if it landed."""
        for key in dict.fromkeys(begun.key for begun in self.progress.begun):
            there = self._workspace.bucket.head(key) is not None
            landed = self._find_landed(key if there else None)
            if landed is not None:
                self._count(landed)
                return
            if there:
                # Who begins is written down first: what nobody began is another collector's of now.
                found = read_progress(self._workspace)
                if found is None or found[1] != self._etag:
                    raise _Overtaken
                rule, remedy = "it holds what a collector wrote", "Move it away, and collect again."
                raise IntegrityError(key, rule, "other bytes", remedy)

    def _find_landed(self, key: str | None) -> Begun | None:
        begun = {begun.digest: begun for begun in self.progress.begun}
        if key is not None:
            return begun.get(hashlib.sha256(self._workspace.bucket.get(key)).hexdigest())
        # A person may have tidied `incoming/` since: what was taken in is in the table.
        table = self._workspace.curated
        return next((b for digest, b in begun.items() if table.has(digest) is not None), None)

    def _count(self, begun: Begun) -> None:
        now = self.progress
        counted = replace(now, objects=now.objects + 1, rows=now.rows + (begun.rows or 0))
        self.commit(replace(counted, number=now.number + 1, cursor=begun.cursor, begun=()))

    def _write(self, progress: SourceProgress) -> None:
        try:
            self._etag = write_progress(self._workspace, progress, self._etag)
        except PreconditionFailed as error:
            raise _Overtaken from error
        self.progress = progress
