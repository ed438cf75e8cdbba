"""What MLflow shows: runs, registered models and plots."""
