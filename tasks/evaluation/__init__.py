"""Contenders on folds, on all training rows and on test rows, and searches for their settings."""
