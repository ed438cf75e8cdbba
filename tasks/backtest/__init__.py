"""Replays a history under several policies: what each would have cost, and what it had bought."""
