"""Search for a contender's settings, inside the training rows of each fold."""
