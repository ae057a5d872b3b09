"""Taking back what was accepted and is not final yet."""
