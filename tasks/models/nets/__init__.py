"""The training engine: nets of one architecture as one stack, trained at once."""
