"""The command `new`: a pipeline file and a suite from a data file."""

from __future__ import annotations

from pathlib import Path

import click

from deployments.cli.output import reporting, show
from deployments.pipelines.draft import Column, guess_task, pipeline_text, suite_text
from tasks.config import read_pipeline
from tasks.errors import ConfigurationError, DataError
from tasks.settings import expectations_folder, pipelines_folder
from tasks.store.layout import checked_name

SEEN = 100_000  # rows: enough for kinds, and read in a moment


@reporting
@click.argument("name")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option("--time", "event_time", help="The column that orders rows; found when there is one.")
@click.option("--key", help="The column that identifies a row.")
def new(
    name: str, data: Path, target: str, event_time: str | None, key: str | None, as_json: bool
) -> None:
    """Write the pipeline file NAME.yaml and its suite from what the data file holds."""
    checked_name(name)
    columns = _seen(data)
    time = event_time or _only_time(data, columns)
    for role, column in (("target", target), ("time", time), ("key", key)):
        if column is not None and column not in columns:
            listed = ", ".join(columns)
            raise ConfigurationError(f"--{role}", f"it is a column of {data.name}", column, listed)
    file = pipelines_folder() / f"{name}.yaml"
    suite = expectations_folder() / f"{name.replace('-', '_')}.py"
    for path in (file, suite):
        if path.exists():
            raise ConfigurationError(str(path), "the file is new", "one", "Choose another name.")
    needed = [time, *([key] if key else [])]
    suite.write_text(suite_text(name, columns, target, needed), encoding="utf-8")
    text = pipeline_text(name, guess_task(columns[target]), target, time, key, data.name)
    file.write_text(text, encoding="utf-8")
    read_pipeline(file)  # what was drafted must be what `apply` will take
    document = {"pipeline": name, "file": str(file), "suite": str(suite)}
    follow = f"perennial apply && perennial ingest {name} {data} && perennial train {name}"
    show(document, as_json, lambda: f"Wrote {file}\nWrote {suite}\nNext: {follow}")


def _seen(path: Path) -> dict[str, Column]:
    import polars as pl
    from polars.exceptions import PolarsError

    from tasks.readers.formats import tell_format
    from tasks.readers.kinds import kind_of

    told = tell_format(path.name)
    try:
        if told == "Parquet":
            frame = pl.read_parquet(path, n_rows=SEEN)
        elif told == "JSON lines":
            frame = pl.read_ndjson(path, n_rows=SEEN)
        else:
            # Polars looks at 100 rows by itself, and fails at the first later one that differs.
            frame = pl.read_csv(path, n_rows=SEEN, try_parse_dates=True, infer_schema_length=SEEN)
    except (PolarsError, OSError, UnicodeDecodeError) as error:
        rule = "the file is CSV, Parquet or JSON lines"
        raise DataError(str(path), rule, str(error).splitlines()[0]) from error
    if frame.is_empty():
        raise DataError(str(path), "the file holds rows", "none")
    kinds = {field.name: kind_of(field.type) or "string" for field in frame.to_arrow().schema}
    return {
        seen.name: Column(
            kinds[seen.name], seen.null_count() / len(frame), seen.drop_nulls().n_unique()
        )
        for seen in frame
    }


def _only_time(data: Path, columns: dict[str, Column]) -> str:
    times = [name for name, column in columns.items() if column.kind in ("timestamp", "date")]
    if len(times) != 1:
        rule = f"{data.name} has one time column, or --time names it"
        raise ConfigurationError("--time", rule, ", ".join(times) or "none", "Name the column.")
    return times[0]
