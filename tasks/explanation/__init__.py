"""Why a model answers as it does: one prediction at a time, and as a whole."""
