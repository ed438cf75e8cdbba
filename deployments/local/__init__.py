"""The local stack: what runs, in which order, restarted when it dies."""
