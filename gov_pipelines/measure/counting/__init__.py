"""A log counted: what of it, where it lies, into which tables, and their text."""
