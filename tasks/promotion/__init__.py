"""The gate, the signed manifest, the champion pointer, promotion and rollback."""
