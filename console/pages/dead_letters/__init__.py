"""Dead letters: why deliveries failed for good, and what is done about it."""
