"""Intervals, tests, draws and alarms: of counts, without knowing what was counted."""
