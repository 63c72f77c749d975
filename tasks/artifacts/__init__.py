"""The files that a run leaves for people: tables and pictures."""
