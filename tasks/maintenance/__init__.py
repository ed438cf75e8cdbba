"""Storage that stays small: what nothing needs any more goes, and nothing else."""
