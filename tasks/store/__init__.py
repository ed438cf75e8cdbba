"""Object storage: the bucket layout, one protocol, two implementations."""
