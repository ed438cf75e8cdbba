"""What MLflow shows: runs, registered models, model cards and plots."""
