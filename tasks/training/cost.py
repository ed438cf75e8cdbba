"""What a step of a training run cost: processor time, memory, energy."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

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

    def plus(self, cpu_seconds: float) -> Cost:
        """Return it with what other processes spent."""
        return Cost(round(self.cpu_seconds + cpu_seconds, 3), self.peak_mib)

    def to_dict(self) -> dict[str, float]:
        return {**asdict(self), "watt_hours": round(self.watt_hours, 4)}


def sum_costs(costs: Iterable[Cost]) -> Cost:
    """Return the sum of the times and the highest of the peaks.

    >>> sum_costs([Cost(1, 200), Cost(2, 100)])
    Cost(cpu_seconds=3.0, peak_mib=200)
    """
    total = Cost()
    for cost in costs:
        seconds = total.cpu_seconds + cost.cpu_seconds
        total = Cost(seconds, max(total.peak_mib, cost.peak_mib))
    return total


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
    # `ru_maxrss` also holds the peak of what ran in this process before its exec
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    # macOS counts bytes, Linux KiB
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
