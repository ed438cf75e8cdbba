"""Great Expectations suites, one file a pipeline, found by name."""
