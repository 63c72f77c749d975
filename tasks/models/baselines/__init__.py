"""The contenders that are no nets: gradient boosting, older methods, and the floor."""
