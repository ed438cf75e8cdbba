"""Landing labels on a real store: each kind counted, each file once, also when killed."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.data.curated import curated
from tasks.errors import ConfigurationError, DataError, NotFound
from tasks.faults import POINTS, VARIABLE
from tasks.ingestion.land_labels import pending_labels
from tasks.labels.join import Counts
from tasks.labels.table import labels_version
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.training.pinning import pinned
from tasks.training.work import Work
from tasks.workspace import workspace_of
from tests.forked import forking
from tests.servers import S3
from tests.tasks.ingestion.desk import State, curate, drop, file, landed, state, store_of, visits

pytestmark = pytest.mark.system
WRITES = [point for point in POINTS if point.startswith("label.")]
WARM = ["tests.tasks.ingestion.desk", "tests.suites.visits", "deltalake", "polars", "boto3"]
ROWS: dict[tuple[str, int], int | None] = {
    **{("v1", 1): None, ("v1", 2): None, ("v2", 1): 1, ("v3", 1): 0},
}


def test_every_kind_is_counted_and_the_first_label_stays(s3: S3, tmp_path: Path) -> None:
    pipeline, bucket = visits("kinds"), store_of(s3.settings)
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    content = file(
        *[("v1", 1, 1), ("v1", 1, 1), ("v1", 1, 0), ("v2", 1, 1), ("v3", 1, 1), ("v9", 1, 0)]
    )
    key = drop(s3, pipeline, "a.csv", content)
    assert [info.key for info in pending_labels(workspace_of(s3.settings, pipeline))] == [key]
    first = landed(s3.settings, pipeline, key)
    expected = Counts(6, new=1, duplicate=2, contradicting=2, unknown=1, contradictions=(3, 5))
    assert (first.outcome, first.counts, first.reasons) == ("accepted", expected, ())
    assert pending_labels(workspace_of(s3.settings, pipeline)) == ()
    found = state(s3.settings, pipeline)
    assert found.labels == (("v1", 1, 1), ("v9", 1, 0))
    assert (found.reports, found.receipts) == ((f"{first.batch}.json",), 1)
    report = json.loads(bucket.get(Layout("kinds").report("labels", f"{first.batch}.json")))
    assert report["counts"] == expected.to_dict()
    later = drop(s3, pipeline, "b.csv", file(("v9", 1, 0), ("v9", 1, 1), ("v1", 2, 0)))
    second = landed(s3.settings, pipeline, later)
    assert second.counts == Counts(3, new=1, duplicate=1, contradicting=1, contradictions=(2,))


def test_labels_later_than_agreed_are_late_and_kept(s3: S3, tmp_path: Path) -> None:
    pipeline = visits("late", label_delay="30d")
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    found = landed(s3.settings, pipeline, drop(s3, pipeline, "a.csv", file(("v1", 1, 1))))
    assert found.counts == Counts(1, late=1)
    assert state(s3.settings, pipeline).labels == (("v1", 1, 1),)


def test_the_same_bytes_land_once_whatever_their_name(s3: S3, tmp_path: Path) -> None:
    pipeline = visits("once")
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    content = file(("v1", 1, 1), ("v1", 2, 0))
    first = landed(s3.settings, pipeline, drop(s3, pipeline, "a.csv", content))
    before = state(s3.settings, pipeline)
    again = landed(s3.settings, pipeline, drop(s3, pipeline, "b.csv", content))
    assert (again.outcome, again.version, again.counts) == ("already", first.version, first.counts)
    assert state(s3.settings, pipeline) == replace(before, receipts=2)


def test_files_that_land_at_once_leave_each_key_once(s3: S3, tmp_path: Path) -> None:
    pipeline = visits("race")
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    contents = [file(("v1", 1, number % 2), ("x", number, 1)) for number in range(4)]
    keys = [drop(s3, pipeline, f"{n}.csv", text) for n, text in enumerate(contents)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda key: landed(s3.settings, pipeline, key), keys))
    counts = [one.counts for one in found if one.counts is not None]
    told = (sum(one.new for one in counts), sum(one.contradicting for one in counts))
    assert told == (1, 2)
    assert sum(one.duplicate for one in counts) == 1
    labels = state(s3.settings, pipeline).labels
    assert len(labels) == len({key[:2] for key in labels}) == 5


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"visit,stays\nv1,1\n", "missing column (day)"),
        ("b.csv", b"visit,day,stays,name\nv1,1,1,Ann\n", "unexpected column (column 4)"),
        ("c.csv", file(("v1", 1, 1), ("v1", 2, "soon")), "do not read as whole numbers. Row 2."),
        ("d.csv", file(("v1", 1, "")), "required value (stays)"),
        ("e.csv", file(("v1", 1, 7)), "column values to be in set (stays)"),
        ("f.csv", b"visit,day,stays\n", "rows"),
        ("g.txt", b"v1,1,1\n", "format"),
    ],
)
def test_a_file_that_does_not_read_is_kept_aside_with_its_reason(
    s3: S3, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    pipeline, bucket = visits(f"refused-{name[0]}"), store_of(s3.settings)
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    key = drop(s3, pipeline, name, content)
    found = landed(s3.settings, pipeline, key)
    assert found.outcome == "quarantined"
    assert why in " ".join(found.reasons)
    assert "Ann" not in " ".join(found.reasons)
    folder = Layout(pipeline.name).labels_quarantine(found.batch)
    assert bucket.get(folder + name) == content
    assert json.loads(bucket.get(f"{folder}report.json"))["reasons"] == list(found.reasons)
    assert labels_version(open_bucket(s3.settings), pipeline) is None
    again = landed(s3.settings, pipeline, key)
    assert (again.outcome, again.reasons) == ("already", found.reasons)
    assert pending_labels(workspace_of(s3.settings, pipeline)) == ()


def test_labels_wait_for_the_first_batch(s3: S3, tmp_path: Path) -> None:
    pipeline = visits("early")
    key = drop(s3, pipeline, "a.csv", file(("v1", 1, 1)))
    assert pending_labels(workspace_of(s3.settings, pipeline)) == ()
    with pytest.raises(DataError, match="labels follow rows; got no curated table"):
        landed(s3.settings, pipeline, key)
    curate(s3.settings, pipeline, tmp_path, ROWS, "b1")
    assert [info.key for info in pending_labels(workspace_of(s3.settings, pipeline))] == [key]
    assert landed(s3.settings, pipeline, key).outcome == "accepted"
    with pytest.raises(NotFound):
        landed(s3.settings, pipeline, f"{key}.gone")
    with pytest.raises(ConfigurationError, match="labels are joined by the key"):
        landed(s3.settings, pipeline.model_copy(update={"key": ()}), key)


def test_a_new_label_is_learned_from_and_gives_a_new_training_key(s3: S3, tmp_path: Path) -> None:
    pipeline = visits("learned")
    rows: dict[tuple[str, int], int | None] = {(f"v{n}", n): None for n in range(240)}
    curate(s3.settings, pipeline, tmp_path, rows, "b1")
    without = pinned(workspace_of(s3.settings, pipeline), None, ("tuned",))
    first = file(*[(f"v{n}", n, n % 2) for n in range(200)])
    landed(s3.settings, pipeline, drop(s3, pipeline, "a.csv", first))
    some = pinned(workspace_of(s3.settings, pipeline), None, ("tuned",))
    landed(s3.settings, pipeline, drop(s3, pipeline, "b.csv", file(("v200", 200, 1))))
    more = pinned(workspace_of(s3.settings, pipeline), None, ("tuned",))
    assert len({plan.key for plan in (without, some, more)}) == 3
    assert (without.labels, some.data) == (None, more.data)
    for plan, labelled in ((some, 200), (more, 201)):
        made = Work(workspace_of(s3.settings, pipeline), plan).dataset
        assert (len(made.y), made.classes) == (labelled, (0, 1))
        assert made.y.sum() == made.frame["stays"].sum() == labelled // 2 + labelled % 2


def land_and_die(settings: Settings, name: str, key: str, crash: str) -> None:
    """Run in a child process, which the crash point kills."""
    os.environ[VARIABLE] = crash
    landed(settings, visits(name), key)


@pytest.fixture(scope="module")
def undisturbed(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, State]:
    """Return what one run leaves of a good and of a refused file."""
    found = {}
    for refused in (False, True):
        pipeline = visits(f"labels-calm-{refused}".lower())
        curate(s3.settings, pipeline, tmp_path_factory.mktemp("calm"), ROWS, "b1")
        landed(s3.settings, pipeline, drop(s3, pipeline, "a.csv", _content(refused)))
        found[refused] = state(s3.settings, pipeline)
    return found


def _content(refused: bool) -> bytes:
    return file(("v1", 1, 1), ("v1", 2, "soon" if refused else 0), ("v8", 1, 1))


@pytest.mark.parametrize("point", WRITES)
def test_killed_anywhere_a_second_run_ends_where_one_run_ends(
    point: str, s3: S3, undisturbed: dict[bool, State], tmp_path: Path
) -> None:
    settings, refused = replace(s3.settings, home=tmp_path), "quarantine" in point
    pipeline = visits(f"labels-{point.replace('.', '-').replace('_', '-')}")
    curate(settings, pipeline, tmp_path, ROWS, "b1")
    key, marker = drop(s3, pipeline, "a.csv", _content(refused)), tmp_path / "marker"
    asked = (settings, pipeline.name, key, f"{point}:{marker}")
    child = forking(*WARM).Process(target=land_and_die, args=asked)
    child.start()
    child.join(120)
    assert marker.read_text() == point
    assert child.exitcode == -signal.SIGKILL
    landed(settings, pipeline, key)
    assert state(settings, pipeline) == undisturbed[refused]
    assert list((tmp_path / "scratch").iterdir()) == []
    assert curated(open_bucket(settings), pipeline.name).version() == 1
