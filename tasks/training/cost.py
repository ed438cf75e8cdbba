"""What a step of a training run cost: processor time, memory, energy."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# A core of a server or laptop under load takes 5 to 15 W beyond idle; see Patterson et al.,
# "Carbon Emissions and Large Neural Network Training" (2021), for the method.
WATTS_A_CORE = 10.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds of every thread, and the peak of the process's resident memory in MiB."""

    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    @property
    def watt_hours(self) -> float:
        """Estimated energy: `WATTS_A_CORE` for every CPU second.

        >>> Cost(cpu_seconds=720).watt_hours
        2.0
        """
        return self.cpu_seconds * WATTS_A_CORE / 3600

    def to_dict(self) -> dict[str, float]:
        """Return plain JSON, the energy included."""
        return {**asdict(self), "watt_hours": round(self.watt_hours, 4)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Cost:
        """Read what `to_dict` wrote."""
        return cls(float(content["cpu_seconds"]), float(content["peak_mib"]))


def sum_costs(costs: Iterable[Cost]) -> Cost:
    """Return the sum of the times and the highest of the peaks.

    >>> sum_costs([Cost(1, 200), Cost(2, 100)])
    Cost(cpu_seconds=3, peak_mib=200)
    """
    known = tuple(costs)
    seconds = sum(cost.cpu_seconds for cost in known)
    return Cost(seconds, max((cost.peak_mib for cost in known), default=0.0))


class Meter:
    """Holds the cost once the measured block has ended."""

    cost = Cost()


@contextmanager
def measure_cost() -> Iterator[Meter]:
    """Measure the block; the peak is the block's own where the system can reset it (Linux)."""
    meter = Meter()
    with suppress(OSError):
        # 5 sets the peak back to what is held now:
        # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
        Path("/proc/self/clear_refs").write_text("5")
    start = time.process_time()
    try:
        yield meter
    finally:
        meter.cost = Cost(round(time.process_time() - start, 3), round(_peak(), 1))


def _peak() -> float:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    # macOS counts bytes, Linux KiB
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
