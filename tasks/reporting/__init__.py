"""The report of a run: its words, its tables and its pictures."""
