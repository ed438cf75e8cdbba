"""The command `perennial` in a process of its own, forked from one that has the imports already."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forks import fork

SECONDS = 240.0


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def perennial(environment: Mapping[str, str], *words: str) -> Said:
    """Run a command in this environment; whatever it says, it shows no traceback."""
    with tempfile.TemporaryDirectory(prefix="pn-said-") as folder:
        wish = (words, dict(environment), folder)
        status = fork(f"{__name__}:_act", wish, SECONDS)
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    assert status is not None, f"{words} did not end: {err}"
    assert "Traceback" not in out + err, err
    return Said(status, out, err)


def _act(words: Sequence[str], environment: dict[str, str], folder: str) -> None:
    from prefect.context import refresh_global_settings_context

    from deployments.cli.main import main

    os.environ.clear()
    os.environ.update(environment)
    refresh_global_settings_context()
    for name, number in (("out", 1), ("err", 2)):
        with (Path(folder) / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    status: object = 1
    try:
        main(words)
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)
