"""What happens, in order: the command, the experiment's schema and the flows."""
