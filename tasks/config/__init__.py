"""The pipeline file: what it may say, as a value, and how it is read."""

from tasks.config.choices import FAMILIES, METRICS
from tasks.config.file import (
    check_pipeline,
    find_pipeline,
    json_schema,
    pipeline_names,
    read_pipeline,
)
from tasks.config.pipeline import Pipeline, window_length
from tasks.config.sections import Gate

__all__ = [
    "FAMILIES",
    "METRICS",
    "Gate",
    "Pipeline",
    "check_pipeline",
    "find_pipeline",
    "json_schema",
    "pipeline_names",
    "read_pipeline",
    "window_length",
]
