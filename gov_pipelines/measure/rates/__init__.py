"""What the counts of groups amount to: rates, scores, and what sums up many of them."""
