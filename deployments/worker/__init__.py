"""A Prefect worker whose flow runs begin in a child that has the imports already."""
