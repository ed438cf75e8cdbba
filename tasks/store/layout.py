"""Where everything lies in the bucket. The only place that spells a key."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.errors import ConfigurationError

# MLflow's artifacts and the results of steps lie beside the pipelines' folders.
RESERVED = frozenset({"mlflow", "results"})
# What every pipeline has that took anything in; the folder that is the users' own.
MARKS = ("champion.json", "curated/", "incoming/", "labels/", "ledger/", "models/")
SCORES = "scores"
RESULTS = "results/"
RUN_OUTCOMES = f"{RESULTS}runs/"
# What ingesting adds to the columns of every row of a curated table.
BATCH, INGESTED_AT = "_batch", "_ingested_at"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def checked_name(name: str) -> str:
    """Return `name` if it can be a pipeline's folder.

    Raises:
        ConfigurationError: it is reserved, too long, or would leave its folder.

    >>> checked_name("flights")
    'flights'
    >>> checked_name("../etc")
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: pipeline name: 1 to 63 of a-z, 0-9 and inner hyphens; \
got '../etc'. Choose another name.
    """
    if not NAME.fullmatch(name):
        rule = "1 to 63 of a-z, 0-9 and inner hyphens"
        raise ConfigurationError("pipeline name", rule, repr(name), "Choose another name.")
    if name in RESERVED:
        rule = f"{' and '.join(sorted(RESERVED))} are reserved"
        raise ConfigurationError("pipeline name", rule, repr(name), "Choose another name.")
    return name


def is_name(name: str) -> bool:
    """Tell whether a folder of the bucket can be a pipeline's.

    >>> is_name("flights"), is_name("mlflow")
    (True, False)
    """
    return bool(NAME.fullmatch(name)) and name not in RESERVED


class Under:
    """A fixed place in a pipeline's folder: of a layout, its key."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, layout: Layout, _: type[Layout]) -> str:
        return f"{layout.pipeline}/{self._path}"


@dataclass(frozen=True)
class Layout:
    """The keys of one pipeline; a folder of objects ends in a slash, a table's does not.

    >>> Layout("flights").incoming, Layout("flights").manifest(3)
    ('flights/incoming/', 'flights/models/3/manifest.json')
    """

    pipeline: str

    incoming = Under("incoming/")
    # What was collected from elsewhere, and where its source was left; what failed since.
    collected = Under("incoming/collected/")
    collecting = Under("collecting/progress.json")
    collecting_tries = Under("collecting/tries.json")
    curated = Under("curated")
    # One small document per object that was looked at, named by the digest of key and ETag.
    receipts = Under("receipts/")
    labels_incoming = Under("labels/incoming/")
    labels = Under("labels/table")
    label_receipts = Under("labels/receipts/")
    predictions = Under("predictions")
    models = Under("models/")
    champion = Under("champion.json")
    challenger = Under("challenger.json")
    ledger = Under("ledger")
    # The newest known targets by group: what `features.history` is looked up in.
    history = Under("history.json")
    # Beside the table's log, so that it goes where the ledger goes; Delta Lake skips the name.
    ledger_head = Under("ledger/_head.json")
    # How often the reconciler started a flow for the same thing.
    starts = Under("starts/")
    reports = Under("reports/")
    # What runs cost that leave no other record: one small document each.
    costs = Under("costs/")
    data_docs = Under("reports/data-docs/")
    quarantined = Under("quarantine/")
    scorings = Under("scoring/runs/")
    upkeep_lease = Under("upkeep.lease.json")

    def __post_init__(self) -> None:
        checked_name(self.pipeline)

    def manifest(self, version: int) -> str:
        return self.model_file(version, "manifest.json")

    def model_file(self, version: int, name: str) -> str:
        return f"{self.models}{version}/{name}"

    def started(self, flow: str) -> str:
        return f"{self.starts}{flow}.json"

    def quarantine(self, batch: str) -> str:
        return f"{self.quarantined}{batch}/"

    def labels_quarantine(self, batch: str) -> str:
        # The same bytes may be a good batch of rows.
        return self.quarantine(f"labels-{batch}")

    def scored(self, digest: str) -> str:
        """Return where the predictions for one file by one model lie."""
        return f"{self.pipeline}/scored/{digest}/predictions.parquet"

    def scoring(self, run: str) -> str:
        """Return where a scoring keeps what it needs to go on, until it is done."""
        return f"{self.scorings}{run}/"

    def scoring_lease(self, run: str) -> str:
        # Beside its folder, not in it: what is forgotten with a scoring is not who does the next.
        return f"{self.pipeline}/scoring/runs/{run}.lease.json"

    def scoring_pin(self, run: str) -> str:
        return f"{self.scoring(run)}pin.json"

    def scoring_part(self, run: str, model: str, number: int) -> str:
        """Return where a part of the predictions by the model of this digest lies."""
        return f"{self.scoring(run)}{model[:16]}/{number:06}.parquet"

    def scoring_labelled(self, run: str, model: str, number: int) -> str:
        """Return where what is needed to judge that part lies."""
        return f"{self.scoring(run)}{model[:16]}/{number:06}.labelled.parquet"

    def report(self, topic: str, name: str) -> str:
        return f"{self.reports}{topic}/{name}"


def result(key: str, step: str) -> str:
    """Return where the cached result of one step of a run lies.

    >>> result("ab12", "tune.json")
    'results/ab12/tune.json'
    """
    return f"{RESULTS}{key}/{step}"


def table_log(table: str) -> str:
    """Return the folder of a Delta table's log."""
    return f"{table}/_delta_log/"


def commit(table: str, version: int) -> str:
    """Return where a Delta table's commit of this number lies, if it was made.

    >>> commit("flights/ledger", 7)
    'flights/ledger/_delta_log/00000000000000000007.json'
    """
    return f"{table_log(table)}{version:020}.json"


def run_outcome(run: str) -> str:
    """Return where a flow run leaves its outcome for the one who waits for it."""
    return f"{RUN_OUTCOMES}{run}.json"
