"""A process that appends to a table: python -m tests.tasks.data.writer TASK, as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tasks.data.table import Table


def main() -> None:
    """Append once a line comes in; die in the middle of the rows, or after, if told."""
    task = json.loads(sys.argv[1])
    schema = pa.schema({"n": pa.int64()})

    def rows() -> Iterator[pa.RecordBatch]:
        for start in range(0, task["rows"], 1000):
            if task["die"] == "within" and start >= task["rows"] // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            stop = min(start + 1000, task["rows"])
            yield pa.record_batch({"n": list(range(start, stop))}, schema=schema)

    Path(task["ready"]).touch()
    if not sys.stdin.readline():  # who started this process is gone
        return
    table = Table(task["uri"], task["options"])
    reader = pa.RecordBatchReader.from_batches(schema, rows())
    appended = table.append(reader, task["transaction"], {})
    if task["die"] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdout.write(json.dumps({"version": appended.version, "landed": appended.landed}))


if __name__ == "__main__":
    main()
