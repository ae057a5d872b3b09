"""Pages in a real browser on both stores, and what they share."""
