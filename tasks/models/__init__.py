"""Model families, their export to ONNX, and the runtime that answers."""
