"""Ratios of the training engine's time to that of what a person would run instead."""

import os

# No folder for compiled programs: each fit that is timed compiles its own.
os.environ["TF_XLA_FLAGS"] = "--tf_xla_persistent_cache_directory="
