"""Studies: questions about one or several experiments, each with its command in a file of its own."""
