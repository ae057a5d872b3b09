"""What walks through the letters have seen, kept small, and searched by pages."""
