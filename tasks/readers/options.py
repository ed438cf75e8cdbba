"""How a file is written: the section `source:` of the pipeline file, as the readers use it."""

from __future__ import annotations

from tasks.config.source import Derived, Reading, SourceOptions

__all__ = ["Derived", "Reading", "SourceOptions"]
