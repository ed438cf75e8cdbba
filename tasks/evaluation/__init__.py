"""Metrics, their intervals, baselines, slices and calibration: pure functions on arrays."""
