"""Labels on a folder: each kind counted, each file once, or in quarantine with the reasons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, DataError, NotFound
from tasks.ingestion.entrance import Entrance, find_pending
from tasks.labels.join import Counts
from tasks.labels.table import labels_version
from tasks.records import plain
from tasks.training.pinning import pin_run
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import (
    ROWS,
    curate,
    drop,
    label_file,
    landed,
    local_workspace,
    state,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = local_workspace(tmp_path, visits("visits"))
    curate(workspace, tmp_path, ROWS, "b1")
    return workspace


def pending(workspace: Workspace) -> list[str]:
    return [info.key for info in find_pending(workspace, Entrance("labels", workspace.layout))]


def test_every_kind_is_counted_and_the_first_label_stays(workspace: Workspace) -> None:
    content = label_file(
        *[("v1", 1, 1), ("v1", 1, 1), ("v1", 1, 0), ("v2", 1, 1), ("v3", 1, 1), ("v9", 1, 0)]
    )
    key = drop(workspace, "a.csv", content, "labels")
    assert pending(workspace) == [key]
    first = landed(workspace, key, "labels")
    expected = Counts(6, new=1, duplicate=2, contradicting=2, unknown=1, contradictions=(3, 5))
    assert (first.outcome, first.counts, first.reasons) == ("accepted", expected, ())
    assert pending(workspace) == []
    left = state(workspace)
    assert [line[:3] for line in left.labels] == [("v1", 1, 1), ("v9", 1, 0)]
    assert left.under("reports/labels/") == (f"{first.batch}.json",)
    assert len(left.under("labels/receipts/")) == 1
    place = workspace.layout.report("labels", f"{first.batch}.json")
    report = json.loads(workspace.bucket.get(place))
    assert (report["counts"], report["version"]) == (plain(expected), first.version)
    later = drop(workspace, "b.csv", label_file(("v9", 1, 0), ("v9", 1, 1), ("v1", 2, 0)), "labels")
    second = landed(workspace, later, "labels")
    assert second.counts == Counts(3, new=1, duplicate=1, contradicting=1, contradictions=(2,))
    assert second.version == 2


def test_labels_later_than_agreed_are_late_and_kept(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("late", label_delay="30d"))
    curate(workspace, tmp_path, ROWS, "b1")
    done = landed(workspace, drop(workspace, "a.csv", label_file(("v1", 1, 1)), "labels"), "labels")
    assert done.counts == Counts(1, late=1)
    assert [line[:3] for line in state(workspace).labels] == [("v1", 1, 1)]


def test_the_same_bytes_land_once_whatever_their_name(workspace: Workspace) -> None:
    content = label_file(("v1", 1, 1), ("v1", 2, 0))
    first = landed(workspace, drop(workspace, "a.csv", content, "labels"), "labels")
    before = state(workspace)
    again = landed(workspace, drop(workspace, "b.csv", content, "labels"), "labels")
    assert (again.outcome, again.version, again.counts) == ("already", first.version, first.counts)
    after = state(workspace)
    assert len(after.under("labels/receipts/")) == 2
    assert (after.labels, after.versions) == (before.labels, before.versions)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"visit,stays\nv1,1\n", "missing column (day)"),
        ("b.csv", b"visit,day,stays,name\nv1,1,1,Ann\n", "unexpected column (column 4)"),
        ("c.csv", label_file(("v1", 1, 1), ("v1", 2, "soon")), "not read as whole numbers. Row 2."),
        ("d.csv", label_file(("v1", 1, "")), "required value (stays)"),
        ("e.csv", label_file(("v1", 1, 7)), "column values to be in set (stays)"),
        ("f.csv", b"visit,day,stays\n", "rows"),
        ("g.doc", b"v1,1,1\n", "format"),
        ("h.csv", b"visit,day,n\xc3", "encoding: Line 1 is not UTF-8"),
        ("i.jsonl", b'{"visit":"\\ud800","day":1,"stays":1}\n', "half of a surrogate pair"),
    ],
)
def test_a_file_that_does_not_read_is_kept_aside_with_its_reason(
    workspace: Workspace, name: str, content: bytes, why: str
) -> None:
    key = drop(workspace, name, content, "labels")
    done = landed(workspace, key, "labels")
    assert done.outcome == "quarantined"
    assert why in " ".join(done.reasons)
    assert "Ann" not in " ".join(done.reasons)
    folder = workspace.layout.labels_quarantine(done.batch)
    assert workspace.bucket.get(folder + name) == content
    assert json.loads(workspace.bucket.get(f"{folder}report.json"))["reasons"] == list(done.reasons)
    assert labels_version(workspace.bucket, workspace.pipeline) is None
    again = landed(workspace, key, "labels")
    assert (again.outcome, again.reasons) == ("already", done.reasons)
    assert pending(workspace) == []


def test_labels_wait_for_the_first_batch(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("early"))
    key = drop(workspace, "a.csv", label_file(("v1", 1, 1)), "labels")
    assert pending(workspace) == []
    with pytest.raises(DataError, match="labels follow rows; got no curated table"):
        landed(workspace, key, "labels")
    curate(workspace, tmp_path, ROWS, "b1")
    assert pending(workspace) == [key]
    assert landed(workspace, key, "labels").outcome == "accepted"
    with pytest.raises(NotFound, match=r"Look under early/labels/incoming/\."):
        landed(workspace, f"{key}.gone", "labels")
    keyless = workspace.pipeline.model_copy(update={"key": ()})
    with pytest.raises(ConfigurationError, match="labels are joined by the key"):
        landed(local_workspace(tmp_path, keyless), key, "labels")


def test_a_new_label_is_learned_from_and_gives_a_new_training_key(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("learned"))
    rows: dict[tuple[str, int], int | None] = {(f"v{n}", n): None for n in range(240)}
    curate(workspace, tmp_path, rows, "b1")
    without = pin_run(workspace, None, ("tuned",))
    first = label_file(*[(f"v{n}", n, n % 2) for n in range(200)])
    landed(workspace, drop(workspace, "a.csv", first, "labels"), "labels")
    some = pin_run(workspace, None, ("tuned",))
    landed(workspace, drop(workspace, "b.csv", label_file(("v200", 200, 1)), "labels"), "labels")
    more = pin_run(workspace, None, ("tuned",))
    assert len({plan.key for plan in (without, some, more)}) == 3
    assert (without.labels, some.data) == (None, more.data)
    for plan, labelled in ((some, 200), (more, 201)):
        made = Work(workspace, plan).dataset
        assert (len(made.y), made.classes) == (labelled, (0, 1))
        assert made.y.sum() == made.frame["stays"].sum() == labelled // 2 + labelled % 2
