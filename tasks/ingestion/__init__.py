"""Landing what arrived, rows and labels alike: exactly once, or in quarantine with the reasons."""
