"""A file of any shape, compared without a policy."""
