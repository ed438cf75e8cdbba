"""The command `new`: a pipeline file and a suite from a data file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, get_args

import click

from deployments.cli.output import LocalFile, OneOf, reporting, say, show
from tasks.config import check_pipeline
from tasks.config.choices import Task
from tasks.errors import ConfigurationError, DataError
from tasks.letters import compose
from tasks.policy.reading import count_text
from tasks.settings import bucket_is_folder, expectations_folder, pipelines_folder
from tasks.store.layout import checked_name

if TYPE_CHECKING:
    import pandas as pd

    from tasks.config import Pipeline
    from tasks.drafting.draft import Draft, Wishes
    from tasks.readers.study import Question, Study

SAMPLE = 10_000  # rows that leaks and personal data are looked for in
WORDS = {"kind", "true", "false", "yes", "no"}  # what may be said of a target of ja and nein
LOOKED = 200_000  # first rows that the sample is spread over: a file is often sorted by class


@reporting
@click.argument("name")
@click.option("--data", required=True, type=LocalFile(), help="The file to learn from.")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--time", "event_time", help="The column that orders rows, or none.")
@click.option(
    "--key", multiple=True, help="A column that identifies a row; more than once for several."
)
@click.option("--task", type=OneOf(get_args(Task)), help="Where the guess is wrong.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A key of the file.")
@click.option("--dry-run", is_flag=True, help="Print the pipeline file, and write nothing.")
@click.option("--force", is_flag=True, help="Replace the files of this name.")
def new(
    name: str,
    data: Path,
    target: str,
    event_time: str | None,
    key: tuple[str, ...],
    task: Task | None,
    settings: tuple[str, ...],
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the pipeline file NAME.yaml and its suite from what the data file holds."""
    from tasks.drafting.draft import Wishes, say_draft
    from tasks.drafting.file import pipeline_text
    from tasks.drafting.suite import suite_text

    checked_name(name)
    # as the columns of a file are named: é may come as one sign or as two
    target, key = compose(target), tuple(map(compose, key))
    event_time = event_time and compose(event_time)
    file = pipelines_folder() / f"{name}.yaml"
    suite = expectations_folder() / f"{name.replace('-', '_')}.py"
    for path in (file, suite):
        if path.exists() and not (force or dry_run):
            remedy = "Choose another name, or replace it: --force."
            raise ConfigurationError(str(path), "the file is new", "one that is there", remedy)
    made, content, pipeline = _draft(name, data, target, Wishes(event_time, key, task), settings)
    texts = {suite: suite_text(made), file: pipeline_text(made, pipeline, content)}
    if not dry_run:
        write_files(texts)
    said = [*say_draft(made), *say_few(made.study, target)]
    document = {
        "pipeline": name,
        "file": str(file),
        "suite": str(suite),
        "written": not dry_run,
        "decided": said,
        "content": pipeline.model_dump(mode="json"),
    }
    # a folder as the bucket has no server to apply to: the chain would end there
    first = "" if bucket_is_folder() else "perennial apply && "
    follow = f"{first}perennial ingest {name} {quote(str(data))}"
    end = [texts[file]] if dry_run else [f"Wrote {file}", f"Wrote {suite}", f"Next: {follow}"]
    show(document, as_json, lambda: "\n".join([*said, *end]))


def say_few(study: Study, target: str) -> list[str]:
    """Say that no model comes of these rows yet, where too few of them have a target."""
    from tasks.dataset.dataset import FEWEST

    labelled = study.rows - study.columns[target].missing
    if labelled >= FEWEST:
        return []
    have = count_text(labelled, "row has", "rows have")
    return [f"few       {have} a target: no model is trained before {FEWEST} have one"]


def _draft(
    name: str, data: Path, target: str, wishes: Wishes, settings: tuple[str, ...]
) -> tuple[Draft, dict[str, Any], Pipeline]:
    from tasks.dataset.classes import require_class
    from tasks.drafting.draft import AS_ASKED, draft
    from tasks.drafting.positive import Positive, label_words
    from tasks.drafting.roles import check_column
    from tasks.drafting.wishes import apply_settings
    from tasks.readers.source import BadBatch

    said = _said(name, apply_settings({}, settings))
    wishes = replace(wishes, personal=said.data.personal)
    try:
        seen = study_file(data, said, target)
        sample = sample_rows(data, seen, said.data.max_bytes)
        made = draft(name, data.name, target, seen, sample, wishes)
    except BadBatch as error:
        if error.problems[0].rule == "format":
            rule = "it is a file of CSV, Parquet or JSON lines"
            remedy = error.problems[0].message
            raise ConfigurationError("--data", rule, str(data), remedy) from error
        came = " ".join(problem.sentence for problem in error.problems).rstrip(".")
        raise DataError(str(data), "the file can be read", came) from error
    # what was said of the source is part of what the study found
    rest = [setting for setting in settings if not setting.startswith("source")]
    content = apply_settings(_before(made, wishes), rest)
    if content["task"] != "binary" and content["positive"] == made.content["positive"]:
        content["positive"] = None
    # by the rules of the file: nothing is written that `apply` would refuse
    pipeline = check_pipeline(content, name)
    personal, slices = pipeline.data.personal, pipeline.gate.slices
    named = (*pipeline.features.exclude, *personal, *slices, *pipeline.placed_by, pipeline.target)
    for column in named:
        check_column(made.study.columns, column, "--set")
    if pipeline.positive is not None:
        labels = label_words(made.study.columns[target])
        require_class(pipeline.positive, labels, target, "--set")
        if pipeline.positive != made.content["positive"]:
            made = replace(made, positive=Positive(pipeline.positive, AS_ASKED))
    # no value of theirs stands in the suite either
    asked = dict.fromkeys(personal, "as asked")
    return replace(made, personal={**asked, **made.personal}), content, pipeline


def _before(made: Draft, wishes: Wishes) -> dict[str, Any]:
    """Return what was decided, without the personal columns that the settings name themselves."""
    found = [name for name in made.personal if name not in wishes.personal]
    return {**made.content, "data": {**made.content["data"], "personal": found}}


def _said(name: str, given: dict[str, Any]) -> Pipeline:
    """Return what was set of the reading, by the rules of the file; the rest is made up."""
    told = {section: given[section] for section in ("source", "data") if given.get(section)}
    plain = {"name": name, "task": "regression", "target": "y"}
    return check_pipeline({**plain, **told}, name)


def study_file(data: Path, said: Pipeline, target: str) -> Study:
    """Return what a file holds, read as a pipeline says.

    Raises:
        ConfigurationError: only a person can say how a column reads, or there is no such column.
        BadBatch: it cannot be read.
    """
    from tasks.drafting.personal import find_personal
    from tasks.drafting.roles import check_column
    from tasks.drafting.target import keep_words, read_target
    from tasks.readers.study import study

    seen = study(data, data.name, said.data.max_bytes, say, said.source)
    for column in said.source.columns:
        check_column(seen.columns, column, "--set")
    if seen.questions:
        personal = {*said.data.personal, *find_personal(seen.columns, {})}
        shown = (q.without_values if q.column in personal else q for q in seen.questions)
        raise _asking(data, tuple(shown))
    check_column(seen.columns, target, "--target")
    told = target in said.source.columns and said.source.columns[target].model_fields_set & WORDS
    return read_target(seen if told else keep_words(seen, target), target)


def _asking(data: Path, questions: tuple[Question, ...]) -> ConfigurationError:
    told = "".join(f"\n  {question.column or data.name}: {question.text}" for question in questions)
    # the names of columns follow from what the file as a whole is
    whole = [question for question in questions if not question.column]
    asked = [f"--set {quote(question.setting)}" for question in whole or questions]
    remedy = f"{told}\nSay it, such as: {' '.join(asked)}"
    return ConfigurationError(data.name, "a person says what the file does not", None, remedy)


def sample_rows(data: Path, seen: Study, limit: int) -> pd.DataFrame:
    """Return rows spread over the first part of a file, as pandas has them."""
    import pyarrow as pa

    from tasks.readers.formats import open_source
    from tasks.readers.frames import to_pandas
    from tasks.readers.kinds import schema_of

    schema = schema_of({name: column.kind for name, column in seen.columns.items()})
    step = -(-min(seen.rows, LOOKED) // SAMPLE)
    taken, start = [], 0
    for piece in open_source(data, data.name, limit, seen.options).pieces(schema):
        count = piece.table.num_rows
        taken.append(piece.table.take(pa.array(range(-start % step, count, step), pa.int64())))
        start += count
        if start >= LOOKED:
            break
    return to_pandas(pa.concat_tables(taken))


def write_files(texts: dict[Path, str]) -> None:
    """Write all files or none: each is whole before the first takes its place."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}")
            ready.append((beside, path))
            beside.write_text(text, encoding="utf-8")
        for beside, path in ready:
            beside.replace(path)
    except OSError as error:
        raise ConfigurationError(str(path), "the file can be written", error.strerror) from error
    finally:
        for beside, _ in ready:
            beside.unlink(missing_ok=True)
