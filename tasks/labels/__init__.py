"""Labels that come after their rows: judged one by one, kept once, joined by key."""
