"""The models of a history, fitted on all processors at once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tasks.backtest.fitting import HistoryRows, MeasuredFit, Recipe, measure
from tasks.errors import DataError, PerennialError

# Imported once, by the server that the workers are forked from: LightGBM and scikit-learn alone
# take two seconds a process.
PRELOADED = [
    "tasks.backtest.fitting",
    "lightgbm",
    "sklearn.compose",
    "sklearn.linear_model",
    "sklearn.ensemble",
]
# Columns of their own in the file, underlined twice so that none of the data's is called so.
BESIDE = ("__time__", "__arrived__", "__place__", "__held__")
Answer = MeasuredFit | str


class _WorkerState:
    """What a worker process has before it: the rows and the recipe, read once."""

    rows: HistoryRows
    recipe: Recipe


def measure_all(
    rows: HistoryRows,
    recipe: Recipe,
    ends: Sequence[int],
    scratch: Path,
    workers: int | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Yield each end with its model's figures, or with why there is no such model.

    Args:
        rows: the history's.
        recipe: what is fitted on them.
        ends: the last batch that each model is fitted on.
        scratch: a folder for the rows, which the workers map instead of copying them.
        workers: how many processes; None takes one a processor.

    Raises:
        PerennialError: a worker was killed.
    """
    count = min(len(ends), workers or processors())
    if count <= 1:
        for end in sorted(ends, reverse=True):
            yield end, answer(rows, recipe, end)
        return
    # written once and mapped by all: pickled to each worker, the rows would lie in memory once a
    # worker
    path = scratch / "rows.arrow"
    write_rows(rows, path)
    # fork would copy locks that threads of pyarrow or LightGBM hold; spawn would import all again
    # in every worker
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    pool = ProcessPoolExecutor(count, context, _sit_down, (path, recipe))
    try:
        # the largest first, so that no processor waits for a last large one
        started = {pool.submit(_work, end): end for end in sorted(ends, reverse=True)}
        for done in as_completed(started):
            yield started[done], done.result()
    except BrokenProcessPool as error:
        remedy = "Free memory and run it again: what was fitted is kept."
        raise PerennialError("backtest", "the fits end", "a worker was killed", remedy) from error
    finally:
        pool.shutdown(cancel_futures=True)


def processors() -> int:
    """Return how many processors this process may use."""
    from joblib import cpu_count  # type: ignore[import-untyped]

    return int(cpu_count())


def write_rows(rows: HistoryRows, path: Path) -> None:
    """Write rows so that other processes can map them."""
    import pyarrow as pa

    table = pa.Table.from_pandas(rows.frame, preserve_index=False)
    for name, values in zip(BESIDE, (rows.times, rows.arrived, rows.place, rows.held), strict=True):
        table = table.append_column(name, pa.array(values))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def map_rows(path: Path) -> HistoryRows:
    """Read what `write_rows` wrote."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        times, arrived, place, held = (table[name].to_numpy() for name in BESIDE)
        frame = table.drop_columns(list(BESIDE)).to_pandas(date_as_object=False)
    return HistoryRows(frame, times, arrived, place, held)


def _sit_down(path: Path, recipe: Recipe) -> None:
    # one thread a worker, by the variable that joblib's cpu_count asks: LightGBM's threads wait by
    # spinning, and those of several workers slow each other down many times over
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _WorkerState.rows, _WorkerState.recipe = map_rows(path), recipe


def _leave_with_parent() -> None:
    # nobody else ends a worker whose parent was killed
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(end: int) -> Answer:
    return answer(_WorkerState.rows, _WorkerState.recipe, end)


def answer(rows: HistoryRows, recipe: Recipe, end: int) -> Answer:
    """Return a model's figures, or why its rows do not make one."""
    try:
        return measure(rows, recipe, end)
    except DataError as error:
        return str(error)
