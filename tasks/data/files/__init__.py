"""The user's own data: one module for each form, and how files are read."""
