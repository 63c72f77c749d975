"""The user's own data: how files are read, looked at and checked."""
