"""What is kept of a fitted model beside its export: its encoders, and its family's state."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.models.attribution import Attribution
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.families import FAMILIES
from tasks.models.model import Model


def keep(model: Model) -> dict[str, bytes]:
    """Return the files, by name, that a warm start and explaining need of a fitted model."""
    family = FAMILIES[model.family]
    return {ENCODERS: Encoders.of(model).to_bytes(), family.file: family.to_bytes(model)}


def load_attribution(files: Mapping[str, bytes], encoders: Encoders) -> Attribution | None:
    """Return the way that a version's files allow; None where only its export can be asked.

    Raises:
        IntegrityError: the state is not what its family wrote.
    """
    for family in FAMILIES.values():
        # by the file, not by a name: a random forest and extra trees keep the same
        if family.explainer is not None and family.file in files:
            return family.explainer(files[family.file], encoders)
    return None
