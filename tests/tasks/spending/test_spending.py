"""What was spent is read from where each run left it; a price list says what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.ingestion.entrance import put_document
from tasks.ledger.entry import Entry
from tasks.metering import Cost, measure_cost
from tasks.signatures import Keyring
from tasks.spending.gathering import gather_spending
from tasks.spending.prices import PriceList, find_prices
from tasks.store.costs import keeping_cost
from tasks.workspace import Place
from tests.buckets import local

NOW = datetime.now(UTC)
OLD = {"cpu_seconds": 60.0, "peak_mib": 500.0, "watt_hours": 0.1667}  # as 0.1.0 kept it


def verdict(name: str, at: datetime, **figures: object) -> Entry:
    told = {"next": "promote", "metric": "roc_auc", **figures}
    return Entry(name, at, "toy", "verdict", 1, "train", "", told)


def test_every_run_is_counted_and_what_nobody_measured_is_unknown() -> None:
    place = Place(local(), "toy", Keyring("a key"))
    bucket, layout, ledger = place.bucket, place.layout, place.ledger
    beside = Cost(5.0, 700.0, 2.0, 30, 20).to_dict()
    ledger.append(verdict("a", NOW - timedelta(days=90), cost=OLD, gain=None))
    ledger.append(verdict("b", NOW, cost=OLD, cost_beside=beside, gain=0.004))
    ledger.append(Entry("c", NOW, "toy", "decision", 1, "monitor", "", {}))
    cost = Cost(1.5, 100.0, 1.0, 10, 5).to_dict()
    put_document(bucket, "receipt", f"{layout.receipts}new.json", {"batch": "", "cost": cost})
    put_document(bucket, "receipt", f"{layout.receipts}old.json", {"batch": ""})
    put_document(bucket, "tries", f"{layout.receipts}old.tries.json", {})
    with keeping_cost(bucket, layout, "score"):
        bucket.put("toy/scored/out", b"12345")
        bucket.get("toy/scored/out")
    found = gather_spending(place)
    by_kind = {}
    for run in found.runs:
        by_kind.setdefault(run.kind, []).append(run.cost)
    old, new = by_kind["training"]
    assert old == Cost(60.0, 500.0)
    assert new == Cost(65.0, 700.0, 2.0, 30, 20)
    assert by_kind["decision"] == [None]
    assert sorted(map(str, by_kind["ingest"])) == sorted(
        [str(Cost(1.5, 100.0, 1.0, 10, 5)), "None"]
    )
    (scored,) = by_kind["score"]
    assert scored is not None
    assert (scored.read_bytes, scored.written_bytes) == (5, 5)
    assert (found.total.runs, found.total.unknown) == (6, 2)
    assert [(made.cpu_seconds, made.gain) for made in found.purchases] == [(60, None), (65, 0.004)]
    assert found.stored["scored"] == 5
    recent = gather_spending(place, NOW - timedelta(days=30))
    assert (recent.total.runs, len(recent.purchases)) == (5, 1)


def test_a_meter_counts_what_goes_on_within_and_its_table(tmp_path: Path) -> None:
    place = Place(local(), "toy", Keyring("a key"))
    with measure_cost() as around:
        with measure_cost() as within:
            place.ledger.append(verdict("a", NOW, cost=OLD))
        written = within.cost.written_bytes
        place.ledger.entries()
    files = list(place.bucket.list("toy/ledger/"))
    size = sum(info.size for info in files if info.key.endswith(".parquet"))
    assert written == around.cost.written_bytes == size > 0
    assert around.cost.read_bytes == size
    assert around.cost.peak_mib > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("currency: EUR\ncpu_hours: 1", "cpu_hours. Did you mean cpu_hour?"),
        ("currency: EUR\ncpu_hour: -1", "cpu_hour: "),
        ("cpu_hour: 1", "currency: "),
        ("- 1", "it is a mapping of keys; got list"),
        ("a: [", "it is a price list in YAML"),
    ],
)
def test_a_price_list_that_breaks_a_rule_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        find_prices({"PERENNIAL_COST": str(path)})
    assert words in str(refused.value).replace("'", "").replace("`", "")
    assert refused.value.exit_status == 2


def test_a_named_price_list_is_read_and_one_that_is_not_there_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    with pytest.raises(ConfigurationError):
        find_prices({"PERENNIAL_COST": str(path)})
    path.write_text("currency: EUR\ncpu_hour: 0.05\ngb_month: 0.02\n")
    found = find_prices({"PERENNIAL_COST": str(path)})
    assert found == PriceList(currency="EUR", cpu_hour=0.05, gb_month=0.02)
