"""What judging costs, measured beside the libraries people would use instead."""
