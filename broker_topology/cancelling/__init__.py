"""Taking back what was accepted, as operators do it."""
