"""What keeps the store itself well over time: is it the same one, and what must go from it."""
