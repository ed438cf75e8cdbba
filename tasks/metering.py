"""What a block of work cost: processor time, memory, bytes of the store, energy."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock

# A core of a server or laptop under load takes 5 to 15 W beyond idle; see Patterson et al.,
# "Carbon Emissions and Large Neural Network Training" (2021), for the method.
WATTS_A_CORE = 10.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds of every thread and child process, and what else a block of work took.

    Attributes:
        cpu_seconds: of this process and all that it started.
        peak_mib: the peak of this process's own resident memory, in MiB.
        seconds: by the clock on the wall.
        read_bytes, written_bytes: of objects as they are; of tables the files that were added, and
            whole files of the versions that were scanned, so at most so many. None where an
            earlier release did not count.
    """

    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    seconds: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None

    @property
    def watt_hours(self) -> float:
        """Estimated energy: `WATTS_A_CORE` for every CPU second.

        >>> Cost(cpu_seconds=720).watt_hours
        2.0
        """
        return self.cpu_seconds * WATTS_A_CORE / 3600

    def plus(self, cpu_seconds: float) -> Cost:
        """Return it with what the workers of an engine spent.

        >>> Cost(1.0, 200.0).plus(2.5).cpu_seconds
        3.5
        """
        return replace(self, cpu_seconds=round(self.cpu_seconds + cpu_seconds, 3))

    def to_dict(self) -> dict[str, float | None]:
        return {**asdict(self), "watt_hours": round(self.watt_hours, 4)}


def sum_costs(costs: Iterable[Cost]) -> Cost:
    """Return the sums, and the highest of the peaks; what nobody counted stays unknown.

    >>> sum_costs([Cost(1, 200, 2.5), Cost(2, 100)])
    Cost(cpu_seconds=3.0, peak_mib=200, seconds=2.5, read_bytes=None, written_bytes=None)
    """
    every = tuple(costs)

    def known(name: str) -> list[float]:
        values = (getattr(cost, name) for cost in every)
        return [value for value in values if value is not None]

    def total(name: str) -> float | None:
        return sum(known(name)) if known(name) else None

    read, written = total("read_bytes"), total("written_bytes")
    return Cost(
        sum((cost.cpu_seconds for cost in every), 0.0),
        max((cost.peak_mib for cost in every), default=0.0),
        total("seconds"),
        None if read is None else int(read),
        None if written is None else int(written),
    )


class _Traffic:
    """How many bytes this process has read from the store and written to it."""

    def __init__(self) -> None:
        self._lock, self.read, self.written = Lock(), 0, 0

    def add(self, read: int, written: int) -> None:
        with self._lock:
            self.read += read
            self.written += written


TRAFFIC = _Traffic()


def note_read(count: int) -> None:
    """Count bytes that came from the store."""
    TRAFFIC.add(count, 0)


def note_written(count: int) -> None:
    """Count bytes that went to the store."""
    TRAFFIC.add(0, count)


class Meter:
    """Measures since it was made; `cost` is told at any time, and stands once it was stopped."""

    def __init__(self) -> None:
        self._started, self._cpu = time.monotonic(), _cpu_seconds()
        self._read, self._written = TRAFFIC.read, TRAFFIC.written
        self._highest, self._stopped = 0.0, None

    _stopped: Cost | None

    @property
    def cost(self) -> Cost:
        """What it took so far, or until it was stopped."""
        if self._stopped is not None:
            return self._stopped
        # the time of a grandchild that nobody waited for is lost, and would count as less than none
        return Cost(
            round(max(0.0, _cpu_seconds() - self._cpu), 3),
            round(max(self._highest, _peak()), 1),
            round(time.monotonic() - self._started, 3),
            TRAFFIC.read - self._read,
            TRAFFIC.written - self._written,
        )

    def keep_peak(self) -> None:
        """Remember the peak, before another meter lets it begin anew."""
        self._highest = max(self._highest, _peak())

    def stop(self) -> None:
        """Let `cost` stand as it is now."""
        self._stopped = self.cost


_OPEN: list[Meter] = []


@contextmanager
def measure_cost() -> Iterator[Meter]:
    """Measure the block; the peak is the block's own where the system can reset it (Linux)."""
    for around in _OPEN:
        around.keep_peak()
    with suppress(OSError):
        # 5 sets the peak back to what is held now:
        # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
        Path("/proc/self/clear_refs").write_text("5")
    meter = Meter()
    _OPEN.append(meter)
    try:
        yield meter
    finally:
        meter.stop()
        _OPEN.remove(meter)


def _cpu_seconds() -> float:
    """Return what this process took, the children it waited for, and those that live."""
    import psutil

    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    # those of a pool live on, and nobody has waited for them
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += sum(child.cpu_times()[:4])
    return total


def _peak() -> float:
    # `ru_maxrss` also holds the peak of what ran in this process before its exec
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    # macOS counts bytes, Linux KiB
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
