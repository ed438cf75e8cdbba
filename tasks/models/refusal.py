"""How bytes are refused that are no exported model of ours."""

from __future__ import annotations

from tasks.errors import IntegrityError, bounded

REMEDY = "Restore the file, or take another version."


def refuse_export(data: bytes, error: Exception) -> IntegrityError:
    """Return the refusal of bytes that are none of ours."""
    came = f"{len(data)} bytes: {bounded(error, 200)}"
    return IntegrityError("model.onnx", "is an exported model", came, REMEDY)
