"""The result of an experiment, and of several, as documents and in words."""
