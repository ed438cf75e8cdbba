"""The environment as it was, without a write that is not needed.

In a process with threads of C, such as those of Arrow and OpenBLAS, each `putenv` may meet a
`getenv` in another thread, and end the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_environment() -> Iterator[None]:
    """Put back what the block changed of the environment, and only that."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
