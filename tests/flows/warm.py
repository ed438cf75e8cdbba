"""What a warm worker has before a run: imported by the forkserver that the tests fork from."""

from __future__ import annotations

from importlib import import_module

from deployments.worker.modules import everything
from deployments.worker.preload import complete

for name in (*everything().libraries, *everything().code, "tests.suites.toy"):
    import_module(name)
complete()
