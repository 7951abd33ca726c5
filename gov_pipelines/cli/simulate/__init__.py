"""A world of made-up credit decisions in which everything that is wrong was put there, at known dates."""
