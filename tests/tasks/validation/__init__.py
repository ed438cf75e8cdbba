"""Reading, judging, cleaning and landing of batches."""
