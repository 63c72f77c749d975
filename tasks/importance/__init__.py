"""What a result rests on: which columns, words or parts of a picture the fitted contenders need."""
