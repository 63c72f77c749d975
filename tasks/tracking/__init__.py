"""Everything that is kept in MLflow; no other place knows it."""
