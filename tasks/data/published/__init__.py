"""The data sets that are known to all: where they come from, and how they are read."""
