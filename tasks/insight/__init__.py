"""What a result rests on: learning curves, leaks, and the importance of columns, words and pixels."""
