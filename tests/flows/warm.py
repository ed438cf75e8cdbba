"""What a warm worker has before a run, and the commands: for the process the tests fork from."""

from __future__ import annotations

from importlib import import_module

from deployments.cli.main import COMMANDS
from deployments.worker.modules import everything
from deployments.worker.preload import complete

COMMANDS_CODE = (place.partition(":")[0] for place, _ in COMMANDS.values())

for name in (*everything().libraries, *everything().code, *COMMANDS_CODE, "tests.suites.toy"):
    import_module(name)
complete()
