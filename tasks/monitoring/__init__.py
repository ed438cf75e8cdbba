"""What a batch says about the champion, and what follows from it."""
