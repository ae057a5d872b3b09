"""The door: what is let in, and what is answered."""
