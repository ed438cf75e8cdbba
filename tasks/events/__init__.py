"""What the bucket announces, and what is made of it: wake-ups, never a queue."""
