"""Who is called back, of what, and how far that has come."""
