"""Simulations that the statistics hold their level, cover and find: `make simulate-statistics`."""
