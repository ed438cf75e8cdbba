"""One YAML file per pipeline."""
