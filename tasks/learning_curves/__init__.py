"""Learning curves: the score against the number of training rows."""
