"""Send: a form per channel, what it would look like, and what became of it."""
