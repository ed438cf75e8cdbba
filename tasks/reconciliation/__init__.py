"""What should be running and is not, and an alias that differs from the pointer."""
