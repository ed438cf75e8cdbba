"""The receiver: what the bucket announces becomes wake-ups of the pipelines."""
