"""Reading batches strictly, judging them, cleaning them and landing them exactly once."""
