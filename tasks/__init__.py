"""How each step is done: plain functions that know nothing of flows."""
