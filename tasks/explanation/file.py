"""Explains rows of a local file with the champion."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from tasks.data.curated import read_columns
from tasks.errors import DataError
from tasks.explanation.explainer import Explainer
from tasks.explanation.explanation import Explanation
from tasks.labels.known import with_known
from tasks.models.attribution import Method
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.versions import load_champion
from tasks.readers.formats import open_source
from tasks.scoring.sources import read_typed, refuse_unreadable
from tasks.workspace import Workspace


@dataclass(frozen=True)
class ExplainedFile:
    """The first rows of a file, each with its key and its explanation."""

    pipeline: str
    version: int
    family: str
    method: Method
    keys: tuple[dict[str, Any], ...]
    explanations: tuple[Explanation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON."""
        pairs = zip(self.keys, self.explanations, strict=True)
        return {
            "pipeline": self.pipeline,
            "version": self.version,
            "family": self.family,
            "method": self.method,
            "rows": [
                {"row": number, "key": key, "explanation": explanation.to_dict()}
                for number, (key, explanation) in enumerate(pairs, start=1)
            ],
        }


def explain_file(
    workspace: Workspace,
    path: Path,
    rows: int,
    method: Literal["shap", "lime"] | None = None,
) -> ExplainedFile:
    """Explain the first `rows` rows of a file with the champion.

    Raises:
        Refused: there is no champion yet.
        DataError: the file cannot be read, lacks a feature, or a value does not fit.
        ConfigurationError: the champion allows no SHAP's values, and they were asked for.
        IntegrityError: the champion's files do not hold.
    """
    pipeline, champion = workspace.pipeline, load_champion(workspace)
    explainer = Explainer(champion, method)
    frame = _first(workspace, champion, path, rows)
    frame = with_known(frame, workspace, pipeline, champion.schema.history)
    named = [name for name in pipeline.key if name in frame.columns]
    # of a frame without columns pandas makes no records at all, however many rows it has
    keys = frame[named].to_dict("records") if named else [{}] * len(frame)
    return ExplainedFile(
        pipeline.name,
        champion.manifest.version,
        champion.setting.family,
        explainer.method,
        tuple({str(name): str(value) for name, value in row.items()} for row in keys),
        tuple(explainer.explain(champion.prepare(frame), frame)),
    )


def _first(workspace: Workspace, champion: ModelVersion, path: Path, rows: int) -> pd.DataFrame:
    schema = read_columns(workspace.curated)
    assert schema is not None, "a champion was trained on a curated table"
    read = pa.table({})
    pipeline = workspace.pipeline
    with refuse_unreadable(str(path)):
        source = open_source(path, path.name, pipeline.data.max_bytes, pipeline.source)
        champion.require(source.names())
        schema = _with_history(schema, champion, source.names())
        for table in read_typed(source, schema):
            read = pa.concat_tables([read, table], promote_options="default").slice(0, rows)
            # the reader is left here: a fault behind the rows asked for is not looked for
            if read.num_rows == rows:
                break
    if not read.num_rows:
        raise DataError(str(path), "it holds rows", "none")
    # dates as times: as objects no comparison with a time would hold
    frame: pd.DataFrame = read.to_pandas(date_as_object=False)
    return frame


def _with_history(schema: pa.Schema, champion: ModelVersion, there: Collection[str]) -> pa.Schema:
    """Return the columns to read, with those of a history that the file brings along itself."""
    history = champion.schema.history
    if history is None:
        return schema
    kind = pa.float64() if history.numeric else pa.string()
    for name in history.names:
        schema = schema.append(pa.field(name, kind)) if name in there else schema
    return schema
