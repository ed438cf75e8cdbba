"""What the models in service answered: spooled on disk, shipped to a table, joined with labels."""
