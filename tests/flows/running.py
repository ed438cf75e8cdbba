"""Run a flow in a process of its own, forked from one that has the imports already."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.context import refresh_global_settings_context

from tests.forks import fork

SAID = "said.log"


def completed(
    flow: str, environment: Mapping[str, str], folder: Path, **parameters: Any
) -> dict[str, Any]:
    """Run a flow that must complete, and return its outcome."""
    status, outcome = run_flow(flow, environment, parameters, folder)
    assert status == 0, (folder / SAID).read_text()[-3000:]
    assert outcome is not None
    return outcome


def run_flow(
    flow: str,
    environment: Mapping[str, str],
    parameters: Mapping[str, Any],
    folder: Path,
    crash: tuple[str, Path] | None = None,
) -> tuple[int, dict[str, Any] | None]:
    """Run `module:function`; return the exit code (negative: the signal) and what it returned."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    more = {} if crash is None else {"PERENNIAL_CRASH_AT": f"{crash[0]}:{crash[1]}"}
    wish = (flow, {**environment, **more}, dict(parameters), result)
    status = fork(f"{__name__}:_run", wish, 180)
    assert status is not None, f"{flow} did not end"
    outcome = json.loads(result.read_text()) if result.exists() else None
    return status, outcome


def _run(flow: str, environment: dict[str, str], parameters: dict[str, Any], result: Path) -> None:
    with (result.parent / SAID).open("wb") as said:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    refresh_global_settings_context()
    module, _, name = flow.partition(":")
    try:
        outcome = getattr(__import__(module, fromlist=[name]), name)(**parameters)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    result.write_text(json.dumps(outcome, default=str))
    os._exit(0)
