"""Which contender is better, and what of its score is owed to its having been chosen."""
