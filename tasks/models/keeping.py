"""What is kept of a fitted model beside its export: its encoders, and its family's state."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.models.attribution import Attribution
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.families import FAMILIES
from tasks.models.model import Model


def keep(model: Model) -> dict[str, bytes]:
    """Return the files, by name, that a warm start and explaining need of a fitted model."""
    state = FAMILIES[model.family].state
    return {ENCODERS: Encoders.of(model).to_bytes(), state.file: state.to_bytes(model)}


def load_attribution(files: Mapping[str, bytes], encoders: Encoders) -> Attribution | None:
    """Return the way that a version's files allow; None where only its export can be asked.

    Raises:
        IntegrityError: the state is not what its family wrote.
    """
    for family in FAMILIES.values():
        if family.explainer is not None and family.state.file in files:
            return family.explainer(files[family.state.file], encoders)
    return None
