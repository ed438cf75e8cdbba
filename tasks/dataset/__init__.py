"""The labelled rows a model is fitted and judged on: ordered, encoded, split."""
