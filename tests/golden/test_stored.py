"""What a release stored is read by this one: each kind, and the life that goes on with it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tasks.documents import DOCUMENTS, MARK, UPGRADES, seal, unseal, unseal_bytes
from tasks.drift.encoding import decode_profile, encode_profile
from tasks.errors import IntegrityError
from tasks.models.encoders import Encoders
from tasks.models.families.linear import explainer
from tasks.models.forest import Forest
from tasks.models.warm_start import read_warm_start
from tasks.monitoring.champion import open_eye
from tasks.monitoring.past import observations
from tasks.predictions.backlog import Backlog
from tasks.predictions.record import decoded
from tasks.predictions.segments import left
from tasks.promotion import pointer, trials
from tasks.promotion.claims import claimed
from tasks.promotion.promote import repair
from tasks.promotion.signing import accept_pointers
from tasks.promotion.versions import load, load_champion
from tasks.records import read
from tasks.scoring.run import pin_scoring
from tasks.store.lease import Holding
from tasks.store.outcome import collect
from tasks.store.results import recall
from tasks.workspace import Workspace
from tests import life
from tests.golden.write import SECTIONS, toy_rows, write

GOLDEN = Path(__file__).parent
RELEASES = sorted(path.parent.name for path in GOLDEN.glob("*/stored.tar.xz"))


@dataclass(frozen=True)
class Stored:
    """What one release left: its bucket, its home, and a file of each family's state."""

    release: str
    folder: Path

    @property
    def signed_nothing(self) -> bool:
        return self.release == "0.1.0"

    @cached_property
    def workspace(self) -> Workspace:
        return life.toy_workspace(self.folder, **SECTIONS)

    def documents(self, pattern: str) -> dict[str, bytes]:
        bucket = self.folder / "bucket"
        paths = sorted(path for path in bucket.glob(pattern) if path.is_file())
        return {str(path.relative_to(bucket)): path.read_bytes() for path in paths}

    def contents(self, kind: str, pattern: str) -> list[dict[str, Any]]:
        found = self.documents(pattern).items()
        return [unseal_bytes(kind, data, key) for key, data in found]

    def files(self, family: str) -> dict[str, bytes]:
        folder = self.folder / "families" / family
        return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(
    scope="module", params=[*RELEASES, pytest.param("this release", marks=pytest.mark.soak)]
)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("stored")
    archive = GOLDEN / request.param / "stored.tar.xz"
    if request.param not in RELEASES:
        write("tests.golden.life", folder / "life")
        archive = folder / "life.tar.xz"
    with tarfile.open(archive) as file:
        file.extractall(folder / "left", filter="data")
    made = Stored(request.param, folder / "left")
    if made.signed_nothing:
        accept_pointers(made.workspace)
    return made


def read_champion(stored: Stored) -> Any:
    found = pointer.read(stored.workspace)
    assert found is not None
    now = found[0]
    return now.version, now.replaced, now.kind, now.by, now.why, now.history


def read_challenger(stored: Stored) -> Any:
    found = trials.read(stored.workspace)
    assert found is not None
    trial = found[0]
    return trial.version, trial.champion, trial.share, trial.ended, trial.ended_by


def read_manifest(stored: Stored) -> Any:
    version = load(stored.workspace, 2)
    answers = version.predict(toy_rows(40, start=900))
    lineage = version.manifest.lineage
    return lineage.rows, version.setting.family, lineage.metric, answers.shape


def read_estimator(stored: Stored) -> Any:
    workspace = stored.workspace
    estimator = open_eye(workspace.pipeline, load_champion(workspace)).estimator
    assert estimator is not None
    return estimator.task, estimator.metric, estimator.rows


def read_signs(stored: Stored) -> Any:
    signs = load_champion(stored.workspace).signs
    return sorted(signs["associations"]), 0 <= signs["surest_wrong"] <= 1


def read_claim(stored: Stored) -> Any:
    keys = [load(stored.workspace, version).manifest.training_key for version in (1, 2)]
    return [claimed(stored.workspace, key) for key in keys]


def read_encoders(stored: Stored) -> Any:
    found = (Encoders.from_bytes(stored.files(name)["encoders.json"]) for name in ("linear", "mlp"))
    return [(encoders.classes, encoders.blocks[0].columns) for encoders in found]


def read_linear(stored: Stored) -> Any:
    files = stored.files("linear")
    shap = explainer(files["linear.json"], Encoders.from_bytes(files["encoders.json"]))
    return shap.scale, shap.method


def read_network(stored: Stored) -> Any:
    start = read_warm_start("mlp", stored.files("mlp"), 300, "2024-01-13")
    weights, biases = unseal_bytes("network", start.state, "network.json")["layers"]
    return len(weights), len(biases), len(biases[0])


def read_forest(stored: Stored) -> Any:
    names = ("random_forest", "extra_trees")
    found = [Forest.from_bytes(stored.files(name)["forest.npz"], name) for name in names]
    return [(len(forest.sizes), forest.values.shape[1]) for forest in found]


def read_entry(stored: Stored) -> Any:
    # Who repairs a pointer finds its entry there: both still have the name they had.
    before = stored.workspace.ledger.entries()
    repair(stored.workspace)
    assert stored.workspace.ledger.entries() == before
    # 0.1.0 did not record that a training without a decision answered an open one
    return [entry.kind for entry in before if entry.kind != "answer"]


def read_observation(stored: Stored) -> Any:
    found = observations(stored.workspace.ledger.entries())
    shown = stored.documents("toy/reports/monitoring/*/observation*.json").values()
    written = {json.loads(data)["observation"]["batch"] for data in shown}
    assert written == {seen.batch for seen in found}
    return [(seen.version, seen.rows, seen.labelled, seen.clock) for seen in found]


def read_result(stored: Stored) -> Any:
    bucket, steps = stored.workspace.bucket, []
    for key in stored.documents("results/*/*/result.json"):
        _, digest, step, _ = key.split("/")
        if step != "explanation.json":  # its drawings are left out of the archive
            found = recall(bucket, digest, step, keyring=stored.workspace.keyring)
            # what nobody signed is computed anew
            assert (found is None) == stored.signed_nothing, key
            steps.append(step)
    return {step.partition("-")[0].partition(".")[0] for step in steps}


def read_outcome(stored: Stored) -> Any:
    told = [collect(stored.workspace.bucket, run) for run in ("train-1", "train-2", "score-1")]
    trained, again, scored = (outcome or {} for outcome in told)
    return trained["outcome"], again["version"], scored["rows"], scored["format"]


def read_pin(stored: Stored) -> Any:
    def propose() -> Any:
        raise AssertionError("there is a pin")

    workspace = stored.workspace
    pin = pin_scoring(workspace.bucket, workspace.layout, "a-run", propose)
    return pin.version, pin.data_version, pin.rows


def read_backlog(stored: Stored) -> Any:
    folder = stored.folder / "home" / "spool"
    with closing(Backlog(folder)) as backlog:
        parcels = [*left(folder), *backlog.parcels(2**20, backlog.newest())]
        payloads = [payload for parcel in parcels for payload in parcel.open().payloads]
    (record,) = (record for payload in payloads for record in decoded(payload).records)
    return [str(one) for one in record.ids], record.version


SEEN = [
    (1, 250, 250, "2024-01-23T21:00:00.000000"),
    (1, 50, 50, "2024-01-23T21:00:00.000000"),
    (1, 50, 50, "2024-01-25T23:00:00.000000"),
]
KINDS = [
    "decision", "verdict", "promotion", "quarantine", "decision", "decision", "verdict",
    "promotion", "rollback", "trial", "withdrawal", "decision", "scored",
]  # fmt: skip
CASES: dict[str, tuple[Callable[[Stored], Any], Any]] = {
    "backlog": (read_backlog, (["seven"], 1)),
    "backtest": (
        lambda stored: [
            (found["pipeline"], found["metric"], found["data_version"])
            for found in stored.contents("backtest", "toy/reports/backtest/*.json")
        ],
        [("toy", "roc_auc", 3)],
    ),
    "trial": (read_challenger, (2, 1, 0.25, "seen", "ada")),
    "champion pointer": (read_champion, (1, 2, "rollback", "ada", "to see", ())),
    "claim": (read_claim, [1, 2]),
    "cost": (
        lambda stored: [found["kind"] for found in stored.contents("cost", "toy/costs/*.json")],
        ["score"],
    ),
    "collecting": (
        lambda stored: [
            (found["objects"], found["rows"], found["number"], found["begun"])
            for found in stored.contents("collecting", "toy/collecting/progress.json")
        ],
        [(1, 4, 1, [])],
    ),
    "encoders": (read_encoders, [(2, ("size",))] * 2),
    "entry": (read_entry, KINDS),
    "estimator": (read_estimator, ("binary", "roc_auc", 60)),
    "explanation": (
        lambda stored: [
            (found["failure"], found["overview"]["rows"], len(found["titles"]))
            for found in stored.contents("explanation", "toy/reports/explanation/*/*.json")
        ],
        [("", 60, 4), ("", 110, 4)],
    ),
    "forest": (read_forest, [(3, 1)] * 2),
    "history": (
        lambda stored: [
            (found["of"]["target"], list(found["groups"]))
            for found in stored.contents("history", "toy/history.json")
        ],
        [("high", [""])],
    ),
    "labels report": (
        lambda stored: [
            found["counts"]["new"]
            for found in stored.contents("labels report", "toy/reports/labels/*.json")
        ],
        [50],
    ),
    "linear": (read_linear, ("log-odds", "linear_shap")),
    "manifest": (read_manifest, (550, "linear", "roc_auc", (40, 2))),
    "network": (read_network, (2, 2, 16)),
    "ledger head": (
        lambda stored: [
            found["linked"] > 0 for found in stored.contents("ledger head", "toy/ledger/_head.json")
        ],
        [True],
    ),
    "observation": (read_observation, SEEN),
    "outcome": (read_outcome, ("promoted", 2, 300, "parquet")),
    "pin": (read_pin, (1, 1, 1_000)),
    "profile": (
        lambda stored: decode_profile(load(stored.workspace, 2).files["profile.bin"]).rows,
        550,
    ),
    "reading": (
        lambda stored: [
            read(Holding, found, "reading").holder
            for found in stored.contents("reading", "toy/receipts/*.reading.json")
        ],
        ["a-run"],
    ),
    "receipt": (
        lambda stored: sorted(
            found["key"]
            for place in ("toy/receipts", "toy/labels/receipts")
            for found in stored.contents("receipt", f"{place}/{'[0-9a-f]' * 64}.json")
        ),
        [
            *(f"toy/incoming/{name}.csv" for name in ("a", "b", "bad", "c")),
            *(f"toy/labels/incoming/{name}.csv" for name in ("bad", "late")),
        ],
    ),
    "result": (
        read_result,
        {"tuning", "contender", "evaluation", "final", "backtest"},
    ),
    "signs": (read_signs, (["at_hour", "colour", "size"], True)),
    "tries": (
        lambda stored: [
            (found["key"], found["tries"], found["set_aside"])
            for found in stored.contents("tries", "toy/receipts/*.tries.json")
        ],
        [("toy/incoming/d.csv", 1, False)],
    ),
    "starts": (
        lambda stored: [
            (found["flow"], found["tries"], found["reason"])
            for found in stored.contents("starts", "toy/starts/*.json")
        ],
        [("label", 3, "the run ended CRASHED")],
    ),
    "validation report": (
        lambda stored: sorted(
            (found["object"].rpartition("/")[2], found["kept"], found["reasons"] != [])
            for place in ("reports/validation/*.json", "quarantine/*/report.json")
            for found in stored.contents("validation report", f"toy/{place}")
        ),
        [
            ("a.csv", 300, False),
            ("b.csv", 250, False),
            *[("bad.csv", 0, True)]
            * 3,  # its report, its copy in quarantine, and that of the labels
            ("c.csv", 50, False),
        ],
    ),
}


LATER = {
    "collecting": ("0.1.0",),
    "cost": ("0.1.0",),
    "history": ("0.1.0",),
    "ledger head": ("0.1.0",),
    "reading": ("0.1.0",),
    "tries": ("0.1.0",),
    "starts": ("0.1.0",),
}  # kinds with the releases that did not know them


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_a_release_stored_is_read(kind: str, stored: Stored) -> None:
    assert kind in CASES, f"{kind} is registered and has no golden file: tests/golden/README.md"
    read, written = CASES[kind]
    assert read(stored) == (written if stored.release not in LATER.get(kind, ()) else [])


def test_a_profile_of_either_format_is_the_same(stored: Stored) -> None:
    if stored.release != "0.1.0":
        pytest.skip("the golden profile of format 2 is that of 0.1.0")
    older = decode_profile(load(stored.workspace, 2).files["profile.bin"])
    newer = decode_profile((GOLDEN / "profile-2.npz").read_bytes())
    assert [column.name for column in newer.columns] == ["at_hour", "at_weekday", "size", "colour"]
    assert encode_profile(newer) == encode_profile(older)


def test_every_document_of_this_release_says_what_it_is(stored: Stored) -> None:
    if stored.release in RELEASES:
        pytest.skip("it is written already")
    # The manifest's format is in what was signed; the log of a table is Delta Lake's.
    others = ("_delta_log", "manifest.json")
    documents = stored.documents("**/*.json").items()
    bare = [key for key, data in documents if f'"{MARK}"'.encode() not in data]
    assert [key for key in bare if not any(other in key for other in others)] == []


def test_no_case_is_of_a_kind_that_is_gone() -> None:
    assert CASES.keys() == DOCUMENTS.keys()


def test_each_older_format_has_its_upgrade() -> None:
    """Format 1 is of 0.1.0, the only release before: every kind is read from there."""
    steps = {(kind, step) for kind, newest in DOCUMENTS.items() for step in range(1, newest)}
    assert UPGRADES.keys() == steps


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_newer_format_is_refused_by_name(kind: str) -> None:
    newer = {MARK: f"{kind} {DOCUMENTS[kind] + 1}", "more": 1}
    with pytest.raises(IntegrityError, match=r"written by a newer release\. Upgrade perennial\."):
        unseal(kind, newer, "an object")


def test_another_kind_in_its_place_is_refused() -> None:
    with pytest.raises(IntegrityError, match="it is a whole pin; got 'claim 1'"):
        unseal("pin", seal("claim", {}), "pin.json")
