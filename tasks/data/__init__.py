"""The rows a pipeline learns from: references, splits, and the Delta tables that hold them."""
