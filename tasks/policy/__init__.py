"""Policies: what they are, what they look at, and the decision to retrain or not."""
