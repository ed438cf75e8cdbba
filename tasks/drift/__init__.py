"""Profiles of what a model was trained on, and how far new rows are from them."""
