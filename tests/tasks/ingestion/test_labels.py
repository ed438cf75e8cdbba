"""Labels on a folder: each kind counted, each file once, or in quarantine with the reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.config import Pipeline
from tasks.config.sections import Data
from tasks.data.standing import scan_standing
from tasks.errors import ConfigurationError, DataError, NotFound
from tasks.ingestion.entrance import Entrance, find_pending
from tasks.ingestion.quarantine import tell_ledger
from tasks.ingestion.retry import find_refused
from tasks.labels.join import Counts, with_labels
from tasks.labels.table import labels_version, load_labels
from tasks.ledger.reversal import standing_refusals
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


def test_every_kind_is_counted_and_the_first_label_stays(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("visits", revisions="first"))
    curate(workspace, tmp_path, ROWS, "b1")
    content = label_file(
        *[("v1", 1, 1), ("v1", 1, 1), ("v1", 1, 0), ("v2", 1, 1), ("v3", 1, 1), ("v9", 1, 0)]
    )
    key = drop(workspace, "a.csv", content, "labels")
    assert pending(workspace) == [key]
    first = landed(workspace, key, "labels")
    expected = Counts(
        6,
        new=1,
        duplicate=2,
        contradicting=2,
        unknown=1,
        contradictions=(3, 5),
        strangers="yours look like v9 | 1, ours like v1 | 1",
    )
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


def test_a_label_is_revised_and_each_version_still_gives_what_was_known(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("revised"))
    curate(workspace, tmp_path, ROWS, "b1")

    def send(name: str, *lines: tuple[str, int, object]) -> Counts:
        done = landed(workspace, drop(workspace, name, label_file(*lines), "labels"), "labels")
        assert done.outcome == "accepted"
        assert done.counts is not None
        return done.counts

    assert send("a.csv", ("v1", 1, 1), ("v2", 1, 1)) == Counts(2, new=1, duplicate=1)
    # what a label said, and what the row itself said
    assert send("b.csv", ("v1", 1, 0), ("v2", 1, 0)) == Counts(2, revised=2)
    last = send("c.csv", ("v1", 1, 0), ("v1", 1, 1), ("v2", 1, 0))
    assert last == Counts(3, revised=1, duplicate=2)
    assert last.sentence == "3 labels: 1 revised, 2 duplicate"
    told = {}
    for version in (1, 2, 3):
        labels = load_labels(workspace.bucket, workspace.pipeline, version)
        rows = workspace.curated.read().to_pandas()
        found, _ = with_labels(rows, labels, workspace.pipeline)
        names = found["visit"] + found["day"].astype(str)
        told[version] = dict(zip(names, found["stays"], strict=True))
    assert [told[version]["v11"] for version in told] == [1, 0, 1]
    assert [told[version]["v21"] for version in told] == [1, 0, 0]
    assert {told[version]["v31"] for version in told} == {0}
    assert len(state(workspace).labels) == 4, "the history stays"


def test_a_row_that_is_corrected_after_its_label_counts(tmp_path: Path) -> None:
    pipeline = visits("corrected").model_copy(
        update={"data": Data(suite="tests.suites.visits", updates="newest")}
    )
    workspace = local_workspace(tmp_path, pipeline)
    head, line = "visit,day,at,stays\n", "v1,1,2024-01-01T08:00:00Z,{}\n"
    landed(workspace, drop(workspace, "a.csv", head + line.format(1)))
    landed(workspace, drop(workspace, "l.csv", label_file(("v1", 1, 0)), "labels"), "labels")

    def known() -> list[object]:
        labels = load_labels(workspace.bucket, pipeline, labels_version(workspace.bucket, pipeline))
        rows = scan_standing(workspace.curated, pipeline.key).collect().to_pandas()
        return with_labels(rows, labels, pipeline)[0]["stays"].tolist()

    assert known() == [0]
    again = landed(workspace, drop(workspace, "b.csv", head + "v1,1,2024-01-01T09:00:00Z,1\n"))
    assert (again.outcome, again.rows) == ("accepted", 1)
    assert known() == [1]


def test_keys_that_join_no_row_are_told_and_not_accepted(workspace: Workspace) -> None:
    content = label_file(("V-0001", 1, 1), ("V-0002", 1, 0))
    done = landed(workspace, drop(workspace, "a.csv", content, "labels"), "labels")
    assert (done.outcome, done.stands) == ("quarantined", "quarantined")
    (why,) = done.reasons
    assert why.startswith(
        "unknown keys (visit, day): None of 2 labels is for a row that is known: yours look like "
        "V-0001 | 1, ours like v1 | 1."
    )
    assert "`perennial retry visits" in why
    personal = workspace.pipeline.data.model_copy(update={"personal": ("visit",)})
    hidden = replace(workspace, pipeline=workspace.pipeline.model_copy(update={"data": personal}))
    key = drop(hidden, "b.csv", label_file(("V-0003", 1, 1)), "labels")
    (why,) = landed(hidden, key, "labels").reasons
    assert "yours look like A-9999 | 1, ours like A9 | 1" in why


def test_a_file_of_labels_that_is_refused_is_told_once_and_counts_as_no_batch(
    workspace: Workspace,
) -> None:
    content = label_file(("V-0001", 1, 1))
    done = landed(workspace, drop(workspace, "a.csv", content, "labels"), "labels")
    for _ in range(2):
        tell_ledger(workspace, done, "visits/labels/incoming/a.csv", "labels")
    (entry,) = workspace.ledger.entries("quarantine")
    assert entry.summary.startswith("a.csv is in quarantine: unknown keys")
    assert (entry.by, entry.figures["what"]) == ("label", "labels")
    assert standing_refusals(workspace.ledger.entries()) == ()
    assert [(refused.kind, refused.batch) for refused in find_refused(workspace)] == [
        ("labels", done.batch)
    ]
    # as rows the same bytes are another matter
    tell_ledger(workspace, done, "visits/incoming/a.csv")
    assert len(standing_refusals(workspace.ledger.entries())) == 1


def test_a_column_too_many_is_named_where_nothing_is_personal(workspace: Workspace) -> None:
    content = "visit,day,stays,ward\nv1,1,1,A\n"
    done = landed(workspace, drop(workspace, "a.csv", content, "labels"), "labels")
    assert done.reasons == (
        "unexpected column (column 4): It is called ward. Labels have visit, day, stays and "
        "nothing else.",
    )
    personal = workspace.pipeline.data.model_copy(update={"personal": ("note",)})
    hidden = replace(workspace, pipeline=workspace.pipeline.model_copy(update={"data": personal}))
    key = drop(hidden, "b.csv", content + "v2,1,1,A\n", "labels")
    assert "ward" not in landed(hidden, key, "labels").reasons[0]


def test_labels_of_another_spelling_are_held(tmp_path: Path) -> None:
    given = visits("spelled").model_dump(mode="json")
    given |= {"task": "multiclass", "key": ["visit"]}
    given["data"] |= {"suite": "tests.suites.open_columns"}
    workspace = local_workspace(tmp_path, Pipeline.model_validate(given))
    rows = "visit,at,stays\n" + "".join(
        f"v{n},2024-01-0{n}T08:00:00Z,{'short' if n % 2 else ''}\n" for n in range(1, 7)
    )
    landed(workspace, drop(workspace, "rows.csv", rows + "v7,2024-01-07T08:00:00Z,long\n"))
    key = drop(workspace, "a.csv", "visit,stays\nv2,Short.\nv4,long\n", "labels")
    held = landed(workspace, key, "labels")
    assert "Short. is no known class; the nearest known spelling is short" in held.reasons[0]
    fine = drop(workspace, "b.csv", "visit,stays\nv2,short\nv4,never\n", "labels")
    assert landed(workspace, fine, "labels").counts == Counts(2, new=2)


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
