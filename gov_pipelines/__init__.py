"""Audit AI decisions: every clause a control, every decision a verdict, every day a signed snapshot."""

__version__ = "0.1.0"
