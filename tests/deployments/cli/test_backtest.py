from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.cli import backtest as command
from deployments.cli.main import main
from tasks.backtest.known import AT_ONCE
from tasks.backtest.plan import choose_policies
from tasks.backtest.result import Backtest, compare_policies
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tests.tasks.backtest.scenes import history

OWN = parse_policy("new_rows 20%")


def outcome(found: Backtest) -> dict[str, Any]:
    content = found.to_dict()
    return {
        **content,
        "metric": "accuracy",
        "greater_is_better": found.history.greater_is_better,
        "batches": len(found.history.batches),
        "judged": len(found.history.judged),
        "fits": {"fitted": 3, "kept": 9},
        "page": "http://127.0.0.1/page.html",
        "url": None,
    }


@pytest.mark.parametrize("upwards", [True, False])
def test_the_table_shows_every_policy_the_oracle_and_the_naive(upwards: bool) -> None:
    found = compare_policies(
        history(14, upwards=upwards), choose_policies(None, OWN), Limits(), AT_ONCE, OWN
    )
    text = command.summary(outcome(found))
    for line in found.lines:
        assert line.policy in text
    (oracle,) = [line for line in text.splitlines() if line.startswith("the oracle")]
    gained = history(14, upwards=upwards).sign * (found.oracle.mean - found.bounds[0].mean)
    assert f"{gained:+.4f}" in oracle
    assert "naive: majority" in text
    assert found.recommendation.yaml in text
    assert text.count("recommended") == 1
    assert "3 models fitted, 9 kept from before" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy", "drfit"], "Did you mean drift"),
        (["--policy", "every"], "every needs an amount"),
        (["--start", "2"], "--start"),
        (["--rows", "0"], "rows"),
    ],
)
def test_wrong_use_is_refused_before_anything_starts(
    words: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # No stack was ever started here: whatever opens a session is told that, with exit status 1.
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    assert ended(["backtest", "flights"]) == 1
    assert "perennial up" in capsys.readouterr().err
    assert ended(["backtest", "flights", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "perennial up" not in said


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    return int(exit_.value.code or 0)
