"""A suite for a pipeline that collects, drafted from the rows that its source would give first."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.cli.new import sample_rows, study_file, write_files
from deployments.cli.output import say
from tasks.errors import ConfigurationError, DataError
from tasks.settings import expectations_folder

if TYPE_CHECKING:
    from tasks.workspace import Workspace

FIRST = 4 * 1024**2  # bytes that a draft is made from, give or take an answer
PACKAGE = "expectations."


def tell_suite(name: str, module: str) -> str:
    """Say whether the suite is there that each object has to meet, and what makes one.

    >>> tell_suite("towns", "expectations.nowhere")
    'No row is taken in without the suite expectations.nowhere, which is not there. \
`perennial collect towns --suite` drafts it from these rows.'
    """
    from tasks.validation.suite import find_suite

    try:
        find_suite(module)
    except ConfigurationError as error:
        if error.where != "suite":
            return f"No row is taken in while the suite is not as it should be. {error}"
        return (
            f"No row is taken in without the suite {module}, which is not there. "
            f"`perennial collect {name} --suite` drafts it from these rows."
        )
    return f"Each object has to meet the suite {module}."


def draft_suite(workspace: Workspace) -> dict[str, Any]:
    """Write the pipeline's suite from what the source would give first; land nothing.

    Raises:
        ConfigurationError: there is a suite, or the rows leave something open.
        DataError: the source gives nothing, or what cannot be read.
    """
    from tasks.collection.open import open_collector
    from tasks.collection.preview import next_object
    from tasks.drafting.suite import suite_text
    from tasks.readers.source import BadBatch
    from tasks.store.scratch import scratch

    pipeline = workspace.pipeline
    path = _path(pipeline.suite)
    with scratch(workspace.home) as folder:
        found = next_object(workspace, open_collector(workspace, say, FIRST), folder)
        if found is None:
            rule, remedy = "the source gives rows that are new", "Try again when it has some."
            raise DataError(workspace.name, rule, "none", remedy)
        try:
            made = _draft(workspace, found[0])
        except BadBatch as bad:
            came = bad.problems[0].sentence.rstrip(".")
            raise DataError(workspace.name, "what the source gives can be read", came) from bad
    write_files({path: suite_text(made)})
    # a folder that was not there when Python looked is not looked at again
    importlib.invalidate_caches()
    given = pipeline.source.written
    found_out = made.study.options.written
    lacking = {key: told for key, told in found_out.items() if given.get(key) != told}
    return {"suite": str(path), "rows": made.study.rows, "source": lacking}


def tell_draft(name: str, drafted: dict[str, Any]) -> str:
    """Say what was written, what the pipeline file lacks, and what comes next."""
    import yaml

    lines = [f"Wrote {drafted['suite']} from the first {drafted['rows']:,} rows. Now it is yours."]
    if drafted["source"]:
        text = yaml.safe_dump(drafted["source"], sort_keys=False, allow_unicode=True)
        lines.append(f"Put this beside collect, under source, in {name}.yaml:")
        lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join([*lines, f"Next: perennial collect {name}"])


def _draft(workspace: Workspace, path: Path) -> Any:
    from tasks.drafting.draft import Wishes, draft

    pipeline = workspace.pipeline
    wishes = Wishes(
        pipeline.event_time or "none", pipeline.key, pipeline.task, pipeline.data.personal
    )
    seen = study_file(path, pipeline, pipeline.target)
    sample = sample_rows(path, seen, pipeline.data.max_bytes)
    return draft(workspace.name, path.name, pipeline.target, seen, sample, wishes)


def _path(module: str) -> Path:
    name = module.removeprefix(PACKAGE)
    if name == module or "." in name:
        rule, remedy = f"it is drafted as {PACKAGE}NAME", "Write it by hand, or change data.suite."
        raise ConfigurationError("data.suite", rule, module, remedy)
    path = expectations_folder() / f"{name}.py"
    if path.exists():
        rule, remedy = "the file is new", "Change it by hand, or move it away first."
        raise ConfigurationError(str(path), rule, "one that is there", remedy)
    return path
