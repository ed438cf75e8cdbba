from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("perennial"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "nothing"], "--target: it is a column of trips.csv; got nothing"),
        (["--target", "tip", "--key", "nope"], "--key: it is a column"),
        (["--target", "tip", "--time", "when"], "--time: it is a column"),
    ],
)
def test_a_column_that_is_not_there_is_named(tmp_path: Path, words: list[str], said: str) -> None:
    data = tmp_path / "trips.csv"
    data.write_text("trip,at,tip\n1,2024-01-01T00:00:00,2.5\n2,2024-01-02T00:00:00,3.5\n")
    done = subprocess.run(
        [COMMAND, "new", "taxis", "--data", str(data), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
