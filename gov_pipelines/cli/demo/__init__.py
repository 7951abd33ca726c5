"""The demonstration: real public decisions, audited end to end."""
