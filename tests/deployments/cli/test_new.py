"""What `new` writes is what `ingest` takes: each kind of file, at the first try."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deployments.cli.main import main
from tasks.config import Pipeline, find_pipeline
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.rows import open_rows
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace

ROWS = 320
TRIPS = "trip,at,tip\n1,2024-01-01T00:00:00,2.5\n2,2024-01-02T00:00:00,3.5\n"
Built = Callable[[np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Place:
    """A project of the test's own."""

    root: Path

    def new(self, name: str, data: Path, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["new", name, "--data", str(data), *words])
        return int(ended.value.code or 0)

    def read(self, name: str) -> Pipeline:
        return find_pipeline(name, self.root / "pipelines")

    def ingest(self, name: str, data: Path) -> Landed:
        bucket = LocalBucket(self.root / "bucket")
        pipeline = self.read(name)
        keyring, home = Keyring("key"), self.root / "home"
        workspace = Workspace(bucket, name, keyring, pipeline=pipeline, home=home)
        key = f"{workspace.layout.incoming}{data.name}"
        bucket.put(key, data.read_bytes())
        return land(open_rows(workspace), key, lambda _: None)

    def written(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("*/*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = tmp_path / "project"
    root.mkdir()
    (root / "perennial.toml").write_text("")
    monkeypatch.setenv("PERENNIAL_PROJECT", str(root))
    monkeypatch.delenv("PERENNIAL_PIPELINES", raising=False)
    return Place(root)


def days(form: str, start: str = "2023-01-20") -> list[str]:
    return pd.date_range(start, periods=ROWS, freq="D").strftime(form).tolist()


def plain(draw: np.random.Generator) -> pd.DataFrame:
    x = draw.normal(size=ROWS)
    y = np.where(x + draw.normal(size=ROWS) > 0, "up", "down")
    return pd.DataFrame({"x": x.round(3), "y": y})


def with_marks(draw: np.random.Generator) -> pd.DataFrame:
    made = plain(draw).assign(width=draw.integers(20, 99, ROWS).astype(object))
    made.loc[draw.random(ROWS) < 0.2, "width"] = "N/A"
    made["shed"] = draw.choice(["NA", "wood", "brick"], ROWS)
    return made.assign(y=made.x * 40 + draw.normal(size=ROWS))


def with_codes(draw: np.random.Generator) -> pd.DataFrame:
    shop = [f"{i:04d}" for i in range(ROWS)]
    return plain(draw).assign(shop_id=shop, area=draw.choice(["00120", "01300"], ROWS))


def dated(form: str) -> Built:
    return lambda draw: plain(draw).assign(seen=days(form))


def hostile(draw: np.random.Generator) -> pd.DataFrame:
    extra = {'height, "tall"': draw.normal(size=ROWS), "größe (cm)": draw.normal(size=ROWS)}
    return plain(draw).assign(**extra, **{"class": draw.integers(0, 4, ROWS)})


def empty_column(draw: np.random.Generator) -> pd.DataFrame:
    return plain(draw).assign(discount=[""] * ROWS, at=days("%Y-%m-%d"))


def money(draw: np.random.Generator) -> pd.DataFrame:
    paid = draw.gamma(2, 900, ROWS)
    shown = [f"${value:,.2f}" for value in paid]
    return plain(draw).assign(paid=shown, member=draw.choice(["Yes", "No"], ROWS))


def padded(draw: np.random.Generator) -> pd.DataFrame:
    few = np.repeat([2021, 2022, 2023, 2024], ROWS // 4)
    return plain(draw).assign(sort=draw.choice([" plum", "pear"], ROWS), year=few)


def counted(draw: np.random.Generator) -> pd.DataFrame:
    return plain(draw).assign(y=draw.poisson(3, ROWS))


def numbered(draw: np.random.Generator) -> pd.DataFrame:
    return plain(draw).assign(row=range(1, ROWS + 1), sale_no=range(700, 700 + ROWS))


# What was built, words besides the target, and what the pipeline file must say then.
TABLES: dict[str, tuple[Built, list[str], dict[str, Any]]] = {
    "timeless": (plain, [], {"event_time": None, "task": "binary", "key": ()}),
    "marks": (with_marks, [], {"task": "regression"}),
    "codes": (with_codes, [], {"key": ("shop_id",)}),
    "day-first": (dated("%d/%m/%Y"), [], {"event_time": "seen"}),
    "dots": (dated("%d.%m.%Y"), [], {"event_time": "seen"}),
    "year-first": (dated("%Y/%m/%d"), [], {"event_time": "seen"}),
    "zone": (dated("%Y-%m-%d %H:%M:%S UTC"), [], {"event_time": "seen"}),
    "names": (hostile, [], {"event_time": None}),
    "empty": (empty_column, [], {"event_time": "at"}),
    "money": (money, [], {"task": "binary"}),
    "padded": (padded, [], {"event_time": None}),
    "counts": (counted, [], {"task": "regression"}),
    "numbers": (numbered, [], {"key": ("sale_no",)}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_new_writes_is_what_ingest_takes(
    place: Place, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build, words, expected = TABLES[kind]
    name, data = f"t-{kind}", tmp_path / "table.csv"
    build(np.random.default_rng(9)).to_csv(data, index=False)
    assert place.new(name, data, "--target", "y", *words) == 0
    pipeline = place.read(name)
    assert {key: getattr(pipeline, key) for key in expected} == expected
    assert pipeline.gate.first == "lenient"
    assert pipeline.retraining.schedule is not None
    said = capsys.readouterr().out
    landed = place.ingest(name, data)
    assert (landed.outcome, landed.rows, landed.reasons) == ("accepted", ROWS, ()), said


WRITTEN: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "semicolons": ("t.csv", lambda f: f.to_csv(index=False, sep=";", decimal=",").encode()),
    "cp1252": ("t.csv", lambda f: f.to_csv(index=False, sep=";").encode("cp1252")),
    "utf16": ("t.csv", lambda f: f.to_csv(index=False, sep="\t").encode("utf-16")),
    "tabs": ("t.tsv", lambda f: f.to_csv(index=False, sep="\t").encode()),
    "sep-line": ("t.csv", lambda f: b"sep=;\n" + f.to_csv(index=False, sep=";").encode()),
    "index": ("t.csv", lambda f: f.to_csv().encode()),
    "jsonl": ("t.jsonl", lambda f: f.to_json(orient="records", lines=True).encode()),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_however_the_file_is_written_it_is_read_the_same(
    place: Place, tmp_path: Path, kind: str
) -> None:
    file_name, write = WRITTEN[kind]
    draw = np.random.default_rng(4)
    towns = draw.choice(["Zürich", "Genève", "Köln"], ROWS)
    frame = plain(draw).assign(town=towns, when=days("%Y-%m-%d"))
    data = tmp_path / file_name
    data.write_bytes(write(frame))
    assert place.new(f"w-{kind}", data, "--target", "y") == 0
    landed = place.ingest(f"w-{kind}", data)
    assert (landed.outcome, landed.rows) == ("accepted", ROWS)
    assert landed.report is not None
    assert place.read(f"w-{kind}").event_time == "when"


def test_the_second_file_of_empty_columns_may_fill_them(place: Place, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    empty_column(np.random.default_rng(9)).to_csv(first, index=False)
    later = empty_column(np.random.default_rng(8)).assign(discount=0.25)
    later.assign(at=days("%Y-%m-%d", "2024-06-01")).to_csv(second, index=False)
    assert place.new("filled", first, "--target", "y") == 0
    assert place.ingest("filled", first).outcome == "accepted"
    assert place.ingest("filled", second).outcome == "accepted"


def test_a_file_that_is_not_there_is_answered_with_the_nearest(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trips.csv").write_text(TRIPS)
    assert place.new("trips", tmp_path / "trip.csv", "--target", "tip") == 2
    assert "trip.csv. Did you mean trips.csv?" in capsys.readouterr().err
    assert place.written() == []


def test_a_planted_leak_and_personal_data_are_named(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = plain(np.random.default_rng(6))
    made["outcome_code"] = np.where(made.y == "up", "K7", "B2")
    made["contact"] = [f"someone{i}@mail.example" for i in range(ROWS)]
    data = tmp_path / "a.csv"
    made.to_csv(data, index=False)
    assert place.new("leaky", data, "--target", "y") == 0
    said = capsys.readouterr().out
    assert "leak?     outcome_code: alone it tells 100.0% of y" in said
    assert place.read("leaky").data.personal == ("contact",)
    assert "someone1@" not in said
    for path in place.root.glob("*/*"):
        assert "someone1@" not in path.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "nothing"], "--target: it is a column of the file; got nothing"),
        (["--target", "tipp"], "Did you mean tip?"),
        (["--target", "tip", "--key", "tripp"], "Did you mean trip?"),
        (["--target", "tip", "--time", "aat"], "Did you mean at?"),
        (["--target", "tip", "--set", "training.trails=3"], "Did you mean trials?"),
        (["--target", "tip", "--set", "training.trials=many"], "training.trials"),
        (["--target", "tip", "--set", "features.exclude+=trp"], "Did you mean trip?"),
        (["--target", "tip", "--set", "event_time=aat"], "Did you mean at?"),
        (["--target", "tip", "--set", "target=tipp"], "Did you mean tip?"),
        (["--target", "tip", "--set", "source.columns.trp.kind=string"], "Did you mean trip?"),
        (["--target", "tip", "--set", "trials"], "--set: it is KEY=VALUE; got trials"),
        (["--target", "tip", "--set", "training.window=2024-13-45"], "training.window: "),
    ],
)
def test_a_mistyped_word_gets_the_right_one_back_and_writes_nothing(
    place: Place, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "trips.csv"
    data.write_text(TRIPS)
    assert place.new("taxis", data, *words) == 2
    assert said in capsys.readouterr().err
    assert place.written() == []


@pytest.mark.parametrize(
    ("first", "target", "status"),
    [("5.1,3.5,setosa", "species", 2), ("5.1,3.5,setosa", "setosa", 2), ("1,0,1", "species", 1)],
)
def test_a_file_without_a_line_of_names_is_told_to_have_none(
    place: Place,
    tmp_path: Path,
    first: str,
    target: str,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "irises.csv"
    kinds = ("setosa", "virginica")
    rows = "".join(f"{4 + n / 10},{3 + n % 7 / 10},{kinds[n % 2]}\n" for n in range(60))
    data.write_text(f"{first}\n{rows}")
    assert place.new("irises", data, "--target", target) == status
    said = capsys.readouterr()
    told = "If the first line is a row, set source.names, or write a line of names before it."
    assert told in said.out + said.err
    assert place.written() == []


def test_names_are_given_to_a_file_without_them_and_a_line_of_names_stays_one(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "plants.csv"
    data.write_text("".join(f"{'wet' if n % 3 else 'dry'},{n % 9},{n * 1.5}\n" for n in range(90)))
    assert place.new("plants", data, "--target", "yield") == 2
    told = capsys.readouterr().err
    assert "`dry`, `0`, `0.0`: its fields come again below as values." in told
    setting = shlex.split(told.partition("such as: --set ")[2])[0]
    assert setting == "source.names=[column_1, column_2, column_3]"
    given = ["--set", "source.names=[soil, leaves, yield]"]
    assert place.new("plants", data, "--target", "yield", *given) == 0
    assert place.read("plants").source.names == ("soil", "leaves", "yield")
    assert place.ingest("plants", data).rows == 90
    # a later file that has its line of names, and in another order
    (tmp_path / "more.csv").write_text("yield,leaves,soil\n" + "2.5,3,wet\n" * 4)
    assert place.ingest("plants", tmp_path / "more.csv").rows == 4
    (tmp_path / "short.csv").write_text("wet,3\n" * 4)
    assert "fields than source.names" in place.ingest("plants", tmp_path / "short.csv").reasons[0]
    data.write_text("wet,dry,y\n" + "wet,dry,1\ndry,wet,2\n" * 50)
    assert place.new("soils", data, "--target", "y") == 2
    assert place.new("soils", data, "--target", "y", "--set", "source.names=[]") == 0
    assert place.ingest("soils", data).rows == 100


def test_what_is_printed_can_be_pasted_whatever_the_names(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "it's a file.csv"
    data.write_text(TRIPS)
    assert place.new("taxis", data, "--target", "tip") == 0
    follow = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(follow)[-2:] == ["taxis", str(data)]
    data.write_text("it's,tip\n" + "".join(f"0{n}/0{n}/2024,{n}\n" for n in range(1, 10)))
    assert place.new("asked", data, "--target", "tip") == 2
    setting = shlex.split(capsys.readouterr().err.partition("--set ")[2])[0]
    assert place.new("asked", data, "--target", "tip", "--set", setting) == 0
    data.write_text('"a ""day"".",tip\n' + "".join(f"0{n}/0{n}/2024,{n}\n" for n in range(1, 10)))
    assert place.new("quoted", data, "--target", "tip") == 2
    setting = shlex.split(capsys.readouterr().err.partition("--set ")[2])[0]
    assert place.new("quoted", data, "--target", "tip", "--set", setting) == 0
    assert place.read("quoted").event_time == 'a "day".'


def test_a_file_is_read_up_to_the_size_that_the_pipeline_will_have(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "trips.csv"
    data.write_text(TRIPS)
    words = ["--target", "tip", "--set", "data.max_batch_gib=0.00000001"]
    assert place.new("taxis", data, *words) == 1
    assert "(max_batch_gib)" in capsys.readouterr().err
    assert place.written() == []


def test_a_dry_run_writes_nothing_and_force_replaces(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "trips.csv"
    data.write_text(TRIPS)
    words = ["--target", "tip", "--set", "training.trials=3", "--set", "features.exclude+=trip"]
    assert place.new("taxis", data, *words, "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["written"], told["content"]["training"]["trials"]) == (False, 3)
    assert place.written() == []
    assert place.new("taxis", data, *words) == 0
    assert place.read("taxis").features.exclude[-1] == "trip"
    assert place.written() == ["taxis.py", "taxis.yaml"]
    assert place.new("taxis", data, "--target", "tip") == 2
    assert "--force" in capsys.readouterr().err
    assert place.new("taxis", data, "--target", "tip", "--force") == 0
    assert place.read("taxis").training.trials == 30


@pytest.mark.parametrize(("missing", "told"), [(11, True), (10, False)])
def test_too_few_rows_with_a_target_to_train_on_are_named(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: int, told: bool
) -> None:
    data = tmp_path / "few.csv"
    rows = [f"{n * 7 % 31}.5,{'' if n < missing else n * 3 % 17}" for n in range(60)]
    data.write_text("\n".join(["size,cost", *rows, ""]))
    assert place.new("few", data, "--target", "cost") == 0
    line = "few       49 rows have a target: no model is trained before 50 have one"
    assert (line in capsys.readouterr().out.splitlines()) == told


def test_day_or_month_is_asked_for_with_examples_and_taken_as_told(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = plain(np.random.default_rng(3))
    made["seen"] = [f"{1 + i % 12:02d}/{1 + i // 12 % 12:02d}/2023" for i in range(ROWS)]
    data = tmp_path / "a.csv"
    made.to_csv(data, index=False)
    assert place.new("asked", data, "--target", "y") == 2
    said = capsys.readouterr().err
    assert "`01/01/2023`" in said
    assert "--set" in said
    assert place.written() == []
    told = ["--set", "source.columns.seen.format=%d/%m/%Y"]
    assert place.new("asked", data, "--target", "y", *told) == 0
    assert place.read("asked").event_time == "seen"
    assert place.ingest("asked", data).outcome == "accepted"


def test_a_year_and_an_epoch_order_rows(place: Place, tmp_path: Path) -> None:
    made = plain(np.random.default_rng(3)).assign(year=np.repeat(range(1990, 2022), 10))
    made.to_csv(tmp_path / "a.csv", index=False)
    assert place.new("yearly", tmp_path / "a.csv", "--target", "y") == 0
    assert place.read("yearly").event_time == "year"
    assert place.ingest("yearly", tmp_path / "a.csv").rows == ROWS
    made = plain(np.random.default_rng(3)).assign(ts=1_700_000_000_000 + np.arange(ROWS) * 7_000)
    made.to_json(tmp_path / "b.jsonl", orient="records", lines=True)
    assert place.new("epochs", tmp_path / "b.jsonl", "--target", "y") == 0
    assert place.read("epochs").event_time == "ts"
    assert place.ingest("epochs", tmp_path / "b.jsonl").rows == ROWS


@pytest.mark.parametrize("settings", [[], ["--set", "data.personal+=came_from"]])
def test_of_a_personal_column_not_even_the_reading_is_shown_with_values(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str]
) -> None:
    made = plain(np.random.default_rng(3))
    made["birth_date"] = [f"{13 + i % 15}.{1 + i % 12:02d}.1953" for i in range(ROWS)]
    made["came_from"] = [f" harbour {i % 70:03d}" for i in range(ROWS)]
    made.to_csv(tmp_path / "a.csv", index=False)
    assert place.new("quiet", tmp_path / "a.csv", "--target", "y", "--json", *settings) == 0
    said = "".join(capsys.readouterr())
    assert "birth_date: read as `source` of the pipeline file says" in said
    assert "1953" not in said
    assert ("harbour 0" in said) == (not settings), "shown where it is not personal"
    personal = place.read("quiet").data.personal
    assert sorted(personal) == ["birth_date", *(["came_from"] if settings else [])]
    for path in place.root.glob("*/quiet*"):
        assert "1953" not in path.read_text()


@pytest.mark.parametrize(
    ("column", "settings"),
    [("birth_date", []), ("seen", ["--set", "data.personal=[seen]"])],
)
def test_a_question_about_a_personal_column_shows_no_value(
    place: Place,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    column: str,
    settings: list[str],
) -> None:
    made = plain(np.random.default_rng(3))
    made[column] = [f"{1 + i % 12:02d}/{1 + i // 12 % 12:02d}/1953" for i in range(ROWS)]
    made.to_csv(tmp_path / "a.csv", index=False)
    assert place.new("asked", tmp_path / "a.csv", "--target", "y", *settings) == 2
    said = capsys.readouterr().err
    assert "its values read as %d/%m/%Y" in said
    assert "1953" not in said


def test_what_a_person_calls_personal_stands_in_no_file(place: Place, tmp_path: Path) -> None:
    made = plain(np.random.default_rng(3))
    made["clinic"] = np.resize(["Northside", "Riverbank"], ROWS)
    made.to_csv(tmp_path / "a.csv", index=False)
    words = ["--target", "y", "--set", "data.personal+=clinic"]
    assert place.new("private", tmp_path / "a.csv", *words) == 0
    assert "Northside" not in "".join(path.read_text() for path in place.root.glob("*/private*"))
    assert place.ingest("private", tmp_path / "a.csv").outcome == "accepted"


def test_a_date_beside_an_hour_is_a_time_and_a_column_may_be_left_out(
    place: Place, tmp_path: Path
) -> None:
    made = plain(np.random.default_rng(3))
    made["date"] = np.repeat(days("%Y-%m-%d")[:40], 8)
    made["hour"] = np.tile(np.arange(8) * 3, 40)
    made.to_csv(tmp_path / "a.csv")
    left = ["--set", "source.leave_out=[x]", "--set", "data.max_batch_gib=1"]
    made.assign(z=made.x).to_csv(tmp_path / "a.csv")
    assert place.new("hourly", tmp_path / "a.csv", "--target", "y", *left) == 0
    pipeline = place.read("hourly")
    assert pipeline.source.leave_out == ("x", "")
    assert pipeline.source.derive[str(pipeline.event_time)].of == ("date", "hour")
    assert place.ingest("hourly", tmp_path / "a.csv").rows == ROWS


def test_names_of_the_table_are_left_out_by_new_and_refused_by_ingest(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = plain(np.random.default_rng(3))
    made.assign(_Row=1, _batch=2).to_csv(tmp_path / "a.csv", index=False)
    assert place.new("inside", tmp_path / "a.csv", "--target", "y") == 0
    assert "_Row is left out: the table uses this name" in capsys.readouterr().out
    assert place.ingest("inside", tmp_path / "a.csv").outcome == "accepted"
    made.assign(_Known=1).to_csv(tmp_path / "b.csv", index=False)
    refused = place.ingest("inside", tmp_path / "b.csv")
    assert refused.outcome == "quarantined"
    assert "list it under source.leave_out" in refused.reasons[0]


@pytest.mark.parametrize("bucket", ["perennial", "file:///tmp/first-look"])
def test_what_to_do_next_can_be_done_where_a_folder_is_the_bucket(
    bucket: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERENNIAL_BUCKET", bucket)
    data = place.root / "trips.csv"
    data.write_text(TRIPS)
    assert place.new("trips", data, "--target", "tip") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    first = "perennial apply && " if bucket == "perennial" else ""
    assert last == f"Next: {first}perennial ingest trips {data}"


def test_a_column_of_numbers_but_for_a_mark_is_named_and_the_settings_it_names_read_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(3)
    zinc = [f"{value:.2f}" if value > 0.1 else "<0.1" for value in draw.exponential(1.0, ROWS)]
    data = place.root / "lab.csv"
    plain(draw).assign(**{"conc.": zinc}, room=draw.choice(["017", "21b"], ROWS)).to_csv(
        data, index=False
    )
    assert place.new("lab", data, "--target", "y") == 0
    said = capsys.readouterr().out
    assert "all but `<0.1`" in said
    assert "room:" not in said
    settings = shlex.split(said.split(" missing: ")[1].splitlines()[0])
    assert place.new("lab", data, "--target", "y", "--force", *settings) == 0
    assert "all but" not in capsys.readouterr().out
    assert "conc." not in place.read("lab").features.exclude
    assert place.ingest("lab", data).outcome == "accepted"


def test_a_number_that_may_stand_for_no_value_is_named_and_the_setting_it_names_reads_it_so(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(3)
    made = plain(draw)
    depth = draw.uniform(2, 60, ROWS).round(2)
    made["depth"] = np.where(draw.random(ROWS) < 0.1, -999.0, depth)
    made["age"] = np.where(draw.random(ROWS) < 0.1, 99, draw.integers(18, 60, ROWS))
    made["paid"] = draw.choice([0, 10, 500, 20_000], ROWS)
    data = place.root / "wells.csv"
    made.to_csv(data, index=False)
    assert place.new("wells", data, "--target", "y") == 0
    said = capsys.readouterr().out
    assert "paid:" not in said
    told = [line for line in said.splitlines() if "a mark for no value?" in line]
    assert [line.split()[1:3] for line in told] == [["depth:", "`-999.0`"], ["age:", "`99`"]]
    settings = [word for line in told for word in shlex.split(line.split(" If so: ")[1])]
    assert place.new("wells", data, "--target", "y", "--force", *settings) == 0
    assert "a mark for no value?" not in capsys.readouterr().out
    landed = place.ingest("wells", data)
    assert landed.outcome == "accepted"
    assert landed.report is not None
    checks = {(check.column, check.words): check for check in landed.report.checks}
    known = [check.unexpected for (column, _), check in checks.items() if column == "age"]
    assert int((made.age == 99).sum()) in known


def test_objects_of_json_lines_are_columns_in_every_file(place: Place, tmp_path: Path) -> None:
    made = plain(np.random.default_rng(3)).to_dict("records")
    rows = [{"seen": {"x": row["x"], "by": None}, "y": row["y"], "tags": []} for row in made]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert place.new("nested", data, "--target", "y") == 0
    assert place.read("nested").source.leave_out == ("tags",)
    landed = place.ingest("nested", data)
    assert (landed.outcome, landed.rows) == ("accepted", ROWS)
    assert landed.report is not None
    assert landed.report.columns == 3


def test_thousands_that_come_with_a_later_file_are_told_with_the_setting_that_reads_them(
    place: Place, tmp_path: Path
) -> None:
    made = plain(np.random.default_rng(3)).assign(paid=[3 * n for n in range(ROWS)])
    made.to_csv(tmp_path / "a.csv", index=False)
    assert place.new("shop", tmp_path / "a.csv", "--target", "y") == 0
    assert place.ingest("shop", tmp_path / "a.csv").outcome == "accepted"
    marked = made.assign(paid=[f"{4 * n:,}" for n in range(ROWS)])
    marked.to_csv(tmp_path / "b.csv", index=False)
    (why,) = place.ingest("shop", tmp_path / "b.csv").reasons
    setting = 'source.columns."paid".thousands'
    told = f'They read with "," between thousands: set {setting}: ",".'
    assert why == (
        f"kind (paid): 70 values do not read as whole numbers. {told} Rows 251, 252, 253, 254, 255."
    )
    words = ("--target", "y", "--force", "--set", f"{setting}=,")
    assert place.new("shop", tmp_path / "a.csv", *words) == 0
    marked[::-1].to_csv(tmp_path / "c.csv", index=False)
    assert place.ingest("shop", tmp_path / "c.csv").outcome == "accepted"


def asked_table(**columns: list[str]) -> pd.DataFrame:
    return plain(np.random.default_rng(5)).assign(**columns)


ASKED: dict[str, tuple[Callable[[], bytes], str]] = {
    "money": (
        lambda: (
            asked_table(paid=[f"${80 + n % 9},{100 + n}" if n % 9 else "N/A" for n in range(ROWS)])
            .to_csv(index=False)
            .encode()
        ),
        "y",
    ),
    "euros": (
        lambda: (
            asked_table(paid=[f"{80 + n % 9}.{100 + n} €" for n in range(ROWS)])
            .drop(columns="x")
            .assign(z=range(ROWS))
            .to_csv(index=False, sep=";")
            .encode()
        ),
        "y",
    ),
    "points": (
        lambda: (
            asked_table(km=[f"{1 + n % 9}.{100 + n}" if n % 7 else "-" for n in range(ROWS)])
            .assign(
                x=range(ROWS), low=[f"{n}" if n % 2 else f"{1 + n}.{100 + n}" for n in range(ROWS)]
            )
            .to_csv(index=False, sep=";")
            .encode()
        ),
        "y",
    ),
    "days": (
        lambda: (
            asked_table(
                seen=[
                    f"{1 + n % 12:02d}/{1 + n // 30:02d}/2023" if n % 5 else "?"
                    for n in range(ROWS)
                ]
            )
            .to_csv(index=False)
            .encode()
        ),
        "y",
    ),
    "letters": (
        lambda: (
            asked_table(town=["Москва", "Омск"] * (ROWS // 2)).to_csv(index=False).encode("cp1251")
        ),
        "y",
    ),
    "names": (
        lambda: (
            asked_table(town=["Ulm", "Brest"] * (ROWS // 2))
            .to_csv(index=False, header=False)
            .encode()
        ),
        "column_2",
    ),
}


@pytest.mark.parametrize("kind", ASKED)
def test_the_answer_that_a_question_proposes_drafts_what_ingest_takes_whole(
    place: Place, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made, target = ASKED[kind]
    data = tmp_path / "a.csv"
    data.write_bytes(made())
    words = ("--target", target)
    assert place.new(kind, data, *words) == 2
    asked, _, proposed = capsys.readouterr().err.partition("Say it, such as: ")
    assert "does not.\n" in asked
    assert place.new(kind, data, *words, *shlex.split(proposed)) == 0, capsys.readouterr().err
    landed = place.ingest(kind, data)
    assert (landed.outcome, landed.reasons) == ("accepted", ())
    assert landed.rows == len(data.read_bytes().splitlines()) - (kind != "names")
    for name, reading in place.read(kind).source.columns.items():
        assert reading.kind in ("integer", "number", "date"), name


def test_the_settings_of_a_nearly_numeric_column_lead_to_thousands_not_to_fractions(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    km = [f"{1 + n % 9}.{100 + n}" if n % 20 else "k.A." for n in range(ROWS)]
    made = asked_table(km=km).assign(used=[f"{n % 7},{n % 10}" for n in range(ROWS)])
    data = tmp_path / "a.csv"
    made.to_csv(data, index=False, sep=";")
    assert place.new("cars", data, "--target", "y") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "all but `k.A.`" in line]
    settings = shlex.split(line[line.index("--set") :])
    assert place.new("cars", data, "--target", "y", "--force", *settings) == 0
    told = "km: `2.101` reads as 2101.0, `k.A.` stands for no value, with decimal commas as in used"
    assert told in capsys.readouterr().out
    assert place.read("cars").source.columns["km"].thousands == "."
    assert place.ingest("cars", data).outcome == "accepted"
    made.drop(columns=["used", "x"]).assign(z=range(ROWS)).to_csv(data, index=False, sep=";")
    assert place.new("cars", data, "--target", "y", "--force", *settings) == 2
    assert "with points between thousands (decimal=,)" in capsys.readouterr().err


def test_a_month_and_a_year_are_named_and_the_setting_reads_them(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = [f"{1 + n % 12:02d}.{2005 + n % 19}" for n in range(ROWS)]
    data = tmp_path / "a.csv"
    asked_table(first=first).to_csv(data, index=False)
    assert place.new("months", data, "--target", "y") == 0
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "a month and a year" in line]
    settings = shlex.split(line[line.index("--set") :])
    assert place.new("months", data, "--target", "y", "--force", *settings) == 0
    assert place.read("months").event_time == "first"
    assert place.ingest("months", data).outcome == "accepted"


def test_a_spreadsheet_is_a_wrong_use_and_told_what_to_bring(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "a.xlsx"
    data.write_bytes(b"PK\x03\x04")
    assert place.new("sheet", data, "--target", "y") == 2
    told = f"--data: it is a file of CSV, Parquet or JSON lines; got {data}. A spreadsheet is not"
    assert told in capsys.readouterr().err
