"""A first look at data: what is in them, what is suspicious, which experiment suits them, and what it would take."""
