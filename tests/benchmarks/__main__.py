"""Run every benchmark, one after the other."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "command_start",
    "new_speed",
    "training_speed",
    "real_tables",
    "ingest_speed",
    "ingest_memory",
    "drift",
    "batch_scoring",
    "explanation",
    "backtest",
    "engine",
    "serving",
    "overload",
    "promotions",
    "apply_speed",
    "loop_speed",
    "prediction_log",
    "storage",
)

for name in BENCHMARKS:
    print(f"\n{name}", flush=True)
    subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=True)
