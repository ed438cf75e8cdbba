"""Training: what it is pinned to, its steps, and how it ends."""
