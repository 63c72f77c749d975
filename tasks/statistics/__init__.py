"""How scores vary with the rows, and what is due to chance: plain arithmetic on arrays."""
