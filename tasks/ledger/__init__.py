"""The append-only record of every decision, verdict, promotion and rollback."""
