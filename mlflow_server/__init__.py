"""The MLflow tracking server as a process."""
