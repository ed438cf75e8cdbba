"""What a pipeline cost by month and kind of run, and what its retrainings bought."""
