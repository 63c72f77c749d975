"""The contenders as an experiment describes them, and how each is built."""
