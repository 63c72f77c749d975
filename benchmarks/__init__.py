"""Ratios of the training engine's time to that of what a person would run instead."""
